"""Reads TVSum: 50 videos in which 20 people rated every 2 seconds 1..5 (Y. Song et al., CVPR 2015).

The annotation file has the format of MATLAB 7.3, which is HDF5. It has no shots and no summaries, which F1 needs; they
come from other files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.cases import Flags, FullLength, Ints, Reference
from evaluation.readers.published_results import STEP
from schemas.errors import ConfigError


def read_tvsum(
    path: Path, *, shots: Mapping[str, Ints] | None = None, summaries: Mapping[str, Flags] | None = None
) -> list[Reference]:
    """Read the references of `ydata-tvsum50.mat`, in its order. The ids are YouTube's.

    `scores` of a reference are the ratings at every 15th frame (about 2 in a second). `shots` (S, 2) and the
    annotators' `summaries` (A, N) are given by id, for the videos that have them. Raises ConfigError.
    """
    import h5py

    references = []
    try:
        with h5py.File(path, "r") as file:
            table = file["tvsum50"]
            for row in range(table["video"].shape[0]):
                cells = {name: file[table[name][row, 0]] for name in ("video", "title", "length", "user_anno")}
                video = _text(cells["video"])
                references.append(
                    _reference(
                        video,
                        _text(cells["title"]),
                        float(cells["length"][()].item()),
                        np.asarray(cells["user_anno"], np.float64),
                        (shots or {}).get(video),
                        (summaries or {}).get(video),
                    )
                )
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{path}: not TVSum's ydata-tvsum50.mat ({type(error).__name__}: {error}); see github.com/yalesong/tvsum"
        ) from error
    return references


def read_summaries(path: Path) -> Flags:
    """Read the annotators' summaries (A, N) of one video from a JSON file with `user_summary`. Raises ConfigError."""
    try:
        rows = np.asarray(json.loads(path.read_text(encoding="utf-8"))["user_summary"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: no user_summary can be read: {type(error).__name__}: {error}") from error
    if rows.ndim != 2 or rows.dtype.kind not in "biu" or not np.isin(rows, (0, 1)).all():
        raise ConfigError(f"{path}: user_summary must be rows of 0 and 1, one row for each annotator")
    return rows.astype(bool)


def _reference(
    video: str, title: str, seconds: float, ratings: Any, shots: Ints | None, summaries: Flags | None
) -> Reference:
    if ratings.ndim != 2 or not ratings.size or not np.isfinite(ratings).all() or not seconds > 0:
        raise ValueError(f"{video}: ratings of shape {ratings.shape} in {seconds} s")
    frames = ratings.shape[1]
    if summaries is not None and summaries.shape[1] != frames:
        raise ValueError(f"{video}: summaries of {summaries.shape[1]} frames, the video has {frames}")
    picks = np.arange(0, frames, STEP)
    full = FullLength(frames, picks, shots if shots is not None else np.zeros((0, 2), np.int64), summaries)
    fps = frames / seconds / STEP
    return Reference(id=video, frames=picks.size, fps=fps, scores=ratings[:, picks], full=full, title=title)


def _text(cell: Any) -> str:
    """The text of a cell: MATLAB stores characters as UTF-16 code units."""
    return np.asarray(cell, np.uint16).ravel().tobytes().decode("utf-16-le", "replace")
