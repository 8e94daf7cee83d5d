"""Reads published outputs of summarizers on TVSum and SumMe: frame scores, summaries, and the F1 stored with them.

The HDF5 files have one group for each video (`video_1` ...), in one of two forms, which both come from
github.com/TIBHannover/UnsupervisedVideoSummarization:

    score (T,), machine_summary (N,), fm, precision, recall as fractions             (SUM-Ind)
    importance_scores (N,), machine_summary (N,), shot_lengths (S,), fscore in %     (CSNet, SUM-GAN-AAE)

Shots are also read from `change_points` (S, 2), as the common eccv16_dataset_*.h5 have them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evaluation.cases import Flags, Ints, Prediction, check_shots
from evaluation.hdf5 import BROKEN_HDF5, array_of, integers_of
from evaluation.readers.eccv16 import name_in
from schemas.errors import ConfigError

STEP = 15  # frames of the video from one frame of the grid to the next
NAMES = "video_names.json"  # names of videos and the keys of published files, see `read_names`


class Published(NamedTuple):
    """One video: the prediction on the grid, the summary of the whole video (N,), shots (S, 2) and the stored values.

    `f1`, `precision` and `recall` are fractions. `shots`, `precision` and `recall` are None where the file lacks them.
    """

    prediction: Prediction
    summary: Flags
    shots: Ints | None
    f1: float
    precision: float | None
    recall: float | None


def read_results(path: Path, names: Mapping[str, str] | None = None) -> dict[str, Published]:
    """Read one file: results by id. The id is the name that `names` has for the group's key, else the key itself.

    Raises ConfigError.
    """
    import h5py

    results: dict[str, Published] = {}
    try:
        with h5py.File(path, "r") as file:
            for key, group in file.items():
                video = (names or {}).get(key, key)
                results[video] = _published(video, {name: array_of(group[name]) for name in group})
    except BROKEN_HDF5 as error:
        raise ConfigError(
            f"{path}: not the published results of a summarizer ({type(error).__name__}: {error}); the file must have "
            "one group for each video with machine_summary, score or importance_scores, fm or fscore"
        ) from error
    return results


def read_all_results(paths: Iterable[Path], names: Mapping[str, str] | None = None) -> dict[str, Published]:
    """Read the result files of all folds of a system. Raises ConfigError for a video that is in two of the files."""
    results: dict[str, Published] = {}
    for path in paths:
        for video, published in read_results(path, names).items():
            if video in results:
                raise ConfigError(f"{path}: {video} is in another file too; name the files of one system and one split")
            results[video] = published
    return results


def names_in(folders: Iterable[Path]) -> dict[str, str]:
    """The names by key from the first of the folders that has the file `NAMES`; empty where none has it.

    Raises ConfigError as `read_names` does.
    """
    index = next((folder / NAMES for folder in folders if (folder / NAMES).is_file()), None)
    return {} if index is None else read_names(index)


def read_names(path: Path) -> dict[str, str]:
    """The dataset's own names by the keys of result and split files (`video_1`), from a JSON object name -> key.

    Raises ConfigError for a file that has no such object, and for a key that is given twice.
    """
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(index, dict) or not all(isinstance(key, str) for key in index.values()):
        raise ConfigError(f"{path}: must be one object of names and keys")
    names = {key: name for name, key in index.items()}
    if len(names) != len(index):
        raise ConfigError(f"{path}: a key has two names")
    return names


def read_shots_of(path: Path, names: Mapping[str, str] | None = None) -> dict[str, Ints]:
    """The shots (S, 2) of the videos that have `shot_lengths` or `change_points`, by id.

    The id is the name that `names` has for the group's key, else the file's own `video_name`, else the key. Raises
    ConfigError.
    """
    import h5py

    shots_of: dict[str, Ints] = {}
    try:
        with h5py.File(path, "r") as file:
            for key, group in file.items():
                wanted = [name for name in ("shot_lengths", "change_points") if name in group]
                if (shots := _shots(key, {name: array_of(group[name]) for name in wanted})) is not None:
                    named = name_in(array_of(group["video_name"])) if "video_name" in group else None
                    shots_of[(names or {}).get(key) or named or key] = shots
    except BROKEN_HDF5 as error:
        raise ConfigError(f"{path}: no readable HDF5 file of videos: {type(error).__name__}: {error}") from error
    return shots_of


def _published(video: str, arrays: dict[str, Any]) -> Published:
    summary = np.asarray(arrays["machine_summary"]).ravel() > 0
    shots = _shots(video, arrays)
    if shots is not None and shots[-1, 1] != summary.size - 1:
        raise ValueError(f"{video}: shots of {shots[-1, 1] + 1} frames, the video has {summary.size}")
    scores = np.asarray(arrays["score"] if "score" in arrays else arrays["importance_scores"], np.float64).ravel()
    if scores.size == summary.size:
        scores = scores[::STEP]
    if scores.size != -(-summary.size // STEP) or not np.isfinite(scores).all():
        raise ValueError(f"{video}: {scores.size} scores for {summary.size} frames, one in {STEP}, or not finite")
    f1 = float(arrays["fm"]) if "fm" in arrays else float(arrays["fscore"]) / 100
    precision, recall = (float(arrays[name]) if name in arrays else None for name in ("precision", "recall"))
    return Published(Prediction(video, scores=scores, score_source="scores"), summary, shots, f1, precision, recall)


def _shots(video: str, arrays: dict[str, Any]) -> Ints | None:
    if "change_points" in arrays:
        shots = integers_of(arrays["change_points"])
    elif "shot_lengths" in arrays:
        ends = np.cumsum(integers_of(arrays["shot_lengths"]).ravel())
        shots = np.stack([np.concatenate([[0], ends[:-1]]), ends - 1], axis=1)
    else:
        return None
    if not shots.size:
        raise ValueError(f"{video}: no shots")
    check_shots(shots, int(shots[-1, 1]) + 1)
    return shots
