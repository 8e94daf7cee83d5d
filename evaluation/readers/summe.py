"""Reads SumMe: 25 videos with the shots that 15 to 18 people chose from each (M. Gygli et al., ECCV 2014).

`user_score` in its files contains numbers of segments, and 0 where a frame was not chosen. These are not scores. A
published human row is the result of ranking them like scores (docs/results/protocols.md).
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from curation.video.sandbox import Limits, Sandbox
from evaluation.cases import FullLength, Ints, Reference
from evaluation.hdf5 import BROKEN_HDF5
from evaluation.readers.eccv16 import read_eccv16, reference_of
from evaluation.readers.published_results import STEP, names_in, read_shots_of
from schemas.errors import ConfigError, StageError

_LIMITS = Limits(wall_seconds=60)


class Annotated(NamedTuple):
    """One annotation file: the number of the segment that each frame belongs to (A, N), 0 for frames not chosen.

    `fps`: frames of the video in one second.
    """

    segments: Ints
    fps: float


def read_summe(folder: Path, shots: Mapping[str, Ints] | None = None) -> list[Reference]:
    """Read the references of a folder with `GT/*.mat`, in the order of the file names, which are the ids.

    The grid is every 15th frame. `shots` (S, 2) by id; None takes the shots from the folder's result files
    (`read_shots`). A video without shots has no knapsack summary. Raises ConfigError.
    """
    paths = sorted((folder / "GT").glob("*.mat"))
    if not paths:
        raise ConfigError(f"{folder}: no GT/*.mat; name the folder that has SumMe's GT")
    shots = read_shots(folder) if shots is None else shots
    keys = {name: key for key, name in names_in((folder,)).items()}
    with Sandbox() as sandbox:
        return [_reference(path, sandbox, shots.get(path.stem), keys.get(path.stem)) for path in paths]


def read_summe_files(paths: Sequence[Path]) -> list[Reference]:
    """Read a folder with `GT/*.mat`, an HDF5 file of eccv16, or both: then the HDF5 file has the shots of the folder.

    Raises ConfigError for more than one folder or file, and for a video whose shots end elsewhere than the video.
    """
    folders = [path for path in paths if path.is_dir()]
    files = [path for path in paths if path not in folders]
    if len(folders) > 1 or len(files) > 1:
        raise ConfigError(f"{paths[-1]}: SumMe is one folder with GT, one eccv16 file, or one of each")
    if not folders:
        names = names_in((files[0].parent,))
        return [reference_of(video, names.get(video.key)) for video in read_eccv16(files[0])]
    if not files:
        return read_summe(folders[0])
    references = read_summe(folders[0], {})
    ids = {_plain(reference.id): reference for reference in references}
    names = names_in(folders)
    for video in read_eccv16(files[0]):
        name = names.get(video.key) or video.name or video.key
        own = ids.get(_plain(name))
        if own is None or own.full is None:
            raise ConfigError(f"{files[0]}, {video.key}: there is no {name}.mat in {folders[0] / 'GT'}")
        _check_end(files[0], video.full.shots, own.full.frames)
        aliases = tuple(sorted({*own.aliases, video.key}))
        ids[_plain(name)] = replace(own, full=replace(own.full, shots=video.full.shots), aliases=aliases)
    return list(ids.values())


def read_annotations(path: Path, sandbox: Sandbox | None = None) -> Annotated:
    """Read one file of the folder GT, in a child of `sandbox` or in one of its own. Raises ConfigError."""
    if sandbox is None:
        with Sandbox() as own:
            return read_annotations(path, own)
    try:
        segments, frames, fps = sandbox.run(_loaded, path, limits=_LIMITS)
    except (ValueError, StageError) as error:
        raise ConfigError(f"{path}: not an annotation of SumMe: {error}") from error
    if segments.ndim != 2 or segments.shape[1] != frames or not frames or not fps > 0:
        raise ConfigError(f"{path}: user_score of shape {segments.T.shape} at {fps} frames/s for {frames} frames")
    return Annotated(segments, fps)


def _loaded(path: Path) -> tuple[Ints, int, float]:
    """The segments (A, N), N and the rate of a file. Raises ValueError. A damaged file can end the process."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        file = loadmat(path, variable_names=("user_score", "nFrames", "FPS"))
        segments = np.asarray(file["user_score"]).T.astype(np.int64)
        return segments, int(file["nFrames"].item()), float(file["FPS"].item())
    except (MatReadError, zlib.error, NotImplementedError, AttributeError, *BROKEN_HDF5) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None


def read_shots(folder: Path) -> dict[str, Ints]:
    """Read shots (S, 2) by id from all result files (*.h5) below the folder that have shot lengths.

    The folder's `video_names.json`, if it exists, translates their keys to names. Raises ConfigError where two files
    have different shots of a video.
    """
    names = names_in((folder,))
    shots_of: dict[str, Ints] = {}
    for path in sorted(folder.rglob("*.h5")):
        for video, shots in read_shots_of(path, names).items():
            if video in shots_of and not np.array_equal(shots_of[video], shots):
                raise ConfigError(f"{path}: other shots of {video} than another file below {folder} has")
            shots_of[video] = shots
    return shots_of


def _reference(path: Path, sandbox: Sandbox, shots: Ints | None, key: str | None) -> Reference:
    segments, fps = read_annotations(path, sandbox)
    frames = segments.shape[1]
    if shots is not None:
        _check_end(path, shots, frames)
    chosen, picks = segments > 0, np.arange(0, frames, STEP)
    full = FullLength(frames, picks, shots if shots is not None else np.zeros((0, 2), np.int64), chosen)
    return Reference(
        id=path.stem,
        frames=picks.size,
        fps=fps / STEP,
        selections=chosen[:, picks],
        full=full,
        title=path.stem,
        aliases=(key,) if key else (),
    )


def _check_end(path: Path, shots: Ints, frames: int) -> None:
    if shots[-1, 1] != frames - 1:
        raise ConfigError(f"{path}: the shots end at frame {shots[-1, 1]}, the video at {frames - 1}")


def _plain(name: str) -> str:
    """A name as it can be compared: published files write spaces or underscores."""
    return name.casefold().replace(" ", "_")
