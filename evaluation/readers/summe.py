"""SumMe: 25 videos, the shots that 15 to 18 people chose from each (M. Gygli et al., ECCV 2014).

`user_score` of its files holds numbers of segments, 0 where a frame was not chosen: they are not scores. Ranking them
as if they were is how a published human row came about (docs/results/protocols.md).
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from evaluation.cases import FullLength, Ints, Reference
from evaluation.readers.published_results import STEP, read_names, read_shots_of
from schemas.errors import ConfigError


class Annotated(NamedTuple):
    """One file: numbers of segments (A, N), 0: not chosen; frames a second."""

    segments: Ints
    fps: float


def read_summe(folder: Path, shots: Mapping[str, Ints] | None = None) -> list[Reference]:
    """References of a folder with `GT/*.mat`, in the order of names; ids are the names of the files.

    The grid is every 15th frame. `shots` by id (S, 2); None: those in the folder's result files (read_shots). A video
    without shots has none, and no knapsack summary. Raises ConfigError.
    """
    paths = sorted((folder / "GT").glob("*.mat"))
    if not paths:
        raise ConfigError(f"{folder}: no GT/*.mat; point to the folder that has SumMe's GT")
    shots = read_shots(folder) if shots is None else shots
    return [_reference(path, shots.get(path.stem)) for path in paths]


def read_annotations(path: Path) -> Annotated:
    """One file of GT. Raises ConfigError."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    try:
        file = loadmat(path, variable_names=("user_score", "nFrames", "FPS"))
        segments = np.asarray(file["user_score"]).T.astype(np.int64)
        frames, fps = int(file["nFrames"].item()), float(file["FPS"].item())
    except (
        OSError,
        KeyError,
        IndexError,
        ValueError,
        TypeError,
        NotImplementedError,
        MatReadError,
        zlib.error,
    ) as error:
        raise ConfigError(f"{path}: not an annotation of SumMe: {type(error).__name__}: {error}") from error
    if segments.ndim != 2 or segments.shape[1] != frames or not frames or not fps > 0:
        raise ConfigError(f"{path}: user_score of shape {segments.T.shape} at {fps} frames/s for {frames} frames")
    return Annotated(segments, fps)


def read_shots(folder: Path) -> dict[str, Ints]:
    """Shots (S, 2) by id from result files (*.h5) anywhere below the folder that have shot lengths; maybe none.

    Their keys are turned into names by `video_names.json` where the folder has it. Raises ConfigError where two files
    disagree.
    """
    index = folder / "video_names.json"
    names = read_names(index) if index.exists() else {}
    found: dict[str, Ints] = {}
    for path in sorted(folder.rglob("*.h5")):
        for video, shots in read_shots_of(path, names).items():
            if video in found and not np.array_equal(found[video], shots):
                raise ConfigError(f"{path}: other shots of {video} than another file below {folder} has")
            found[video] = shots
    return found


def _reference(path: Path, shots: Ints | None) -> Reference:
    segments, fps = read_annotations(path)
    frames = segments.shape[1]
    if shots is not None and shots[-1, 1] != frames - 1:
        raise ConfigError(f"{path}: the shots end at frame {shots[-1, 1]}, the video at {frames - 1}")
    chosen, picks = segments > 0, np.arange(0, frames, STEP)
    full = FullLength(frames, picks, shots if shots is not None else np.zeros((0, 2), np.int64), chosen)
    return Reference(
        id=path.stem, frames=picks.size, fps=fps / STEP, selections=chosen[:, picks], full=full, title=path.stem
    )
