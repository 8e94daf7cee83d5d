"""Reads TVSum: 50 videos in which 20 people rated every 2 seconds 1..5 (Y. Song et al., CVPR 2015).

The ratings are in `ydata-tvsum50.mat`, in the format of MATLAB 7.3, which is HDF5, and in `ydata-tvsum50-anno.tsv`:

    video id <tab> category <tab> rating of frame 0,rating of frame 1,...          one line for each annotator

Titles and lengths to the second are in `ydata-tvsum50-info.tsv` beside it. Neither file has shots or summaries, which
F1 needs; they come from `eccv16_dataset_tvsum_google_pool5.h5`, whose `video_1` is the first video of these files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.cases import Flags, Floats, FullLength, Ints, Reference
from evaluation.hdf5 import BROKEN_HDF5, array_of
from evaluation.readers.eccv16 import FPS, is_eccv16, read_eccv16, reference_of
from evaluation.readers.known_videos import KnownVideos
from evaluation.readers.published_results import STEP, names_in
from schemas.errors import ConfigError

MAT = "ydata-tvsum50.mat"
TSV = "ydata-tvsum50-anno.tsv"
INFO = "ydata-tvsum50-info.tsv"


def read_tvsum(
    path: Path, *, shots: Mapping[str, Ints] | None = None, summaries: Mapping[str, Flags] | None = None
) -> list[Reference]:
    """Read the references of `ydata-tvsum50.mat`, in its order. The ids are YouTube's; the n-th is also `video_n`.

    `scores` of a reference are the ratings at every 15th frame (about 2 in a second). `shots` (S, 2) and the
    annotators' `summaries` (A, N) are given by id, for the videos that have them. Raises ConfigError.
    """
    import h5py

    references = []
    try:
        with h5py.File(path, "r") as file:
            table = file["tvsum50"]
            for row in range(table["video"].shape[0]):
                cells = {
                    name: array_of(file[table[name][row, 0]]) for name in ("video", "title", "length", "user_anno")
                }
                video = _text(cells["video"])
                references.append(
                    _reference(
                        video,
                        _text(cells["title"]),
                        float(cells["length"].item()),
                        np.asarray(cells["user_anno"], np.float64),
                        (shots or {}).get(video),
                        (summaries or {}).get(video),
                        f"video_{row + 1}",
                    )
                )
    except BROKEN_HDF5 as error:
        raise ConfigError(
            f"{path}: not TVSum's ydata-tvsum50.mat ({type(error).__name__}: {error}); see github.com/yalesong/tvsum"
        ) from error
    return references


def read_tvsum_tsv(path: Path) -> list[Reference]:
    """Read the references of `ydata-tvsum50-anno.tsv`, in its order: ids, aliases and scores as `read_tvsum`.

    Without `ydata-tvsum50-info.tsv` beside it, the videos have no titles, and the grid counts as 2 frames in a second.
    Raises ConfigError, which names the line.
    """
    ratings: dict[str, list[Floats]] = {}
    for number, cells in _table(path):
        if len(cells) != 3 or not cells[0]:
            raise ConfigError(f"{path}, line {number}: not VIDEO, CATEGORY and RATINGS with tabs between them")
        try:
            row = np.array([float(part) for part in cells[2].split(",")])
        except ValueError:
            raise ConfigError(f"{path}, line {number}: the ratings must be numbers with commas between them") from None
        if (rows := ratings.setdefault(cells[0], [])) and rows[0].size != row.size:
            raise ConfigError(f"{path}, line {number}: {row.size} ratings, {rows[0].size} in the lines before")
        rows.append(row)
    if not ratings:
        raise ConfigError(f"{path}: the file has no ratings")
    known = _info(path.with_name(INFO))
    references = []
    for place, (video, rows) in enumerate(ratings.items(), 1):
        title, seconds = known.get(video, ("", rows[0].size / STEP / FPS))
        try:
            references.append(_reference(video, title, seconds, np.array(rows), None, None, f"video_{place}"))
        except ValueError as error:
            raise ConfigError(f"{path}: {error}") from error
    return references


def read_tvsum_files(paths: Sequence[Path]) -> list[Reference]:
    """Read ratings (.mat, .tsv), shots and summaries (.h5 of eccv16), or folders with such files, as one dataset.

    Ratings and eccv16 are joined by the names in video_names.json beside the HDF5 file, else by their order; then the
    number of frames must agree. Ratings alone give no F1, eccv16 alone no rank correlations. Raises ConfigError for two
    files of ratings or of shots, and for files that do not fit.
    """
    files = [file for path in paths for file in (_files_in(path) if path.is_dir() else [path])]
    shots = [file for file in files if file.suffix.lower() in (".h5", ".hdf5")]
    ratings = [file for file in files if file not in shots]
    for same in (shots, ratings):
        if len(same) > 1:
            raise ConfigError(f"{same[1]}: {same[0].name} says the same of TVSum; give one of them")
    rated = [] if not ratings else _rated(ratings[0])
    return rated if not shots else _joined(shots[0], rated)


def _files_in(folder: Path) -> list[Path]:
    """What a folder has: the ratings (the .mat before the .tsv, which say the same), and the eccv16 file of TVSum."""
    ratings = (folder / MAT, folder / TSV, folder / "data" / TSV)
    found = [path for path in ratings if path.is_file()][:1]
    return found + sorted(path for path in folder.glob("*tvsum*.h5") if is_eccv16(path))


def _rated(path: Path) -> list[Reference]:
    return read_tvsum_tsv(path) if path.suffix.lower() == ".tsv" else read_tvsum(path)


def _joined(path: Path, rated: list[Reference]) -> list[Reference]:
    names = names_in((path.parent,))
    videos = read_eccv16(path)
    if not rated:
        return [reference_of(video, names.get(video.key)) for video in videos]
    joined = {reference.id: reference for reference in rated}
    known = KnownVideos(rated)
    for video in videos:
        name = names.get(video.key) or video.name or video.key
        own = known.find(name)
        if own is None or own.full is None:
            raise ConfigError(f"{path}, {video.key}: the other file has no ratings of {name}")
        if own.full.frames != video.full.frames or not np.array_equal(own.full.picks, video.full.picks):
            raise ConfigError(
                f"{path}, {video.key}: {video.full.frames} frames and {video.full.picks.size} picks, but the ratings "
                f"of {own.id} have {own.full.frames} and {own.full.picks.size}. If the order of the videos differs, "
                "put video_names.json, an object of names and keys, beside the HDF5 file"
            )
        chosen = video.summaries[:, video.full.picks]
        aliases = tuple(sorted({*own.aliases, video.key} - {own.id}))
        joined[own.id] = replace(own, selections=chosen, full=video.full, aliases=aliases)
    return list(joined.values())


def read_summaries(path: Path) -> Flags:
    """Read the annotators' summaries (A, N) of one video from a JSON file with `user_summary`. Raises ConfigError."""
    try:
        rows = np.asarray(json.loads(path.read_text(encoding="utf-8"))["user_summary"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        raise ConfigError(f"{path}: no user_summary can be read: {type(error).__name__}: {error}") from error
    if rows.ndim != 2 or rows.dtype.kind not in "biu" or not np.isin(rows, (0, 1)).all():
        raise ConfigError(f"{path}: user_summary must be rows of 0 and 1, one row for each annotator")
    return rows.astype(bool)


def _table(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The lines of a file of tabs: number from 1, and cells."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, [cell.strip() for cell in line.split("\t")]


def _info(path: Path) -> dict[str, tuple[str, float]]:
    """Title and seconds by id, from lines `category, video_id, title, url, length` (5:54); {} without a file."""
    if not path.is_file():
        return {}
    found = {}
    for _, cells in _table(path):
        if len(cells) == 5 and re.fullmatch(r"[0-9]{1,3}(:[0-9]{2}){1,2}", cells[4], re.ASCII):
            total = 0
            for part in cells[4].split(":"):
                total = total * 60 + int(part)
            found[cells[1]] = (cells[2], float(total))
    return found


def _reference(
    video: str, title: str, seconds: float, ratings: Any, shots: Ints | None, summaries: Flags | None, key: str
) -> Reference:
    if ratings.ndim != 2 or not ratings.size or not np.isfinite(ratings).all() or not seconds > 0:
        raise ValueError(f"{video}: ratings of shape {ratings.shape} in {seconds} s")
    frames = ratings.shape[1]
    if summaries is not None and summaries.shape[1] != frames:
        raise ValueError(f"{video}: summaries of {summaries.shape[1]} frames, the video has {frames}")
    picks = np.arange(0, frames, STEP)
    full = FullLength(frames, picks, shots if shots is not None else np.zeros((0, 2), np.int64), summaries)
    fps = frames / seconds / STEP
    scores = ratings[:, picks]
    return Reference(id=video, frames=picks.size, fps=fps, scores=scores, full=full, title=title, aliases=(key,))


def _text(cell: Any) -> str:
    """The text of a cell: MATLAB stores characters as UTF-16 code units."""
    return np.asarray(cell, np.uint16).ravel().tobytes().decode("utf-16-le", "replace")
