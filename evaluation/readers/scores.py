"""Reads files that have frame scores and nothing else: plain HDF5, and the JSON of PGL-SUM and its descendants.

    JSON    {"video_1": [0.12, 0.5, ...], ...}                      model/solver.py of github.com/e-apostolidis/PGL-SUM
    HDF5    a dataset `video_1`, or a group `video_1` with the dataset scores, score, importance_scores, frame_scores,
            pred_scores or predictions

A video has one score for each frame of its reference's grid, or one for each frame of the whole video; then those at
the picks count.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from evaluation.cases import Floats, Prediction, Predictions, Reference
from evaluation.hdf5 import BROKEN_HDF5, array_of
from evaluation.readers.known_videos import UNKNOWN, KnownVideos
from evaluation.readers.published_results import names_in, read_results
from evaluation.readers.records import BadRecord, printable
from schemas.errors import ConfigError

_NAMES = ("scores", "score", "importance_scores", "frame_scores", "pred_scores", "predictions")


def read_hdf5(path: Path, known: KnownVideos) -> Predictions:
    """Read a system's scores from HDF5: published results (`published_results.py`), or plain scores.

    Groups are named by ids, by aliases of the references, or by the keys that a video_names.json beside the file or in
    the folder above it translates. Raises ConfigError.
    """
    import h5py

    names = names_in(path.parents[:2])
    try:
        with h5py.File(path, "r") as file:
            if not len(file):
                raise ValueError("the file is empty")
            published = all(_is_published(item) for item in file.values())
            plain = {} if published else {key: array_of(_dataset(key, item)) for key, item in file.items()}
    except BROKEN_HDF5 as error:
        raise ConfigError(
            f"{path}: no scores of frames ({printable(error)}); the file must have for each video a dataset, or a "
            f"group with one of {', '.join(_NAMES)}"
        ) from error
    if published:
        results = read_results(path, names)
        return Predictions(tuple(_renamed(video.prediction, known) for video in results.values()), ())
    return Predictions(tuple(_prediction(names.get(key, key), values, known) for key, values in plain.items()), ())


def on_grid(values: Floats, reference: Reference) -> Floats:
    """Scores (T,) of the grid, from scores of the grid or of the whole video. Raises BadRecord: `wrong_length`."""
    full = reference.full
    if values.shape == (reference.frames,):
        return values
    if full is not None and values.shape == (full.frames,):
        return values[full.picks]
    whole = f" (or {full.frames}, the whole video)" if full is not None else ""
    shape = " x ".join(map(str, values.shape))
    raise BadRecord("wrong_length", f"{shape} scores for {reference.frames} frames{whole}")


def _is_published(item: Any) -> bool:
    import h5py

    return isinstance(item, h5py.Group) and "machine_summary" in item and ("fm" in item or "fscore" in item)


def _dataset(key: str, item: Any) -> Any:
    import h5py

    if isinstance(item, h5py.Dataset):
        return item
    if (name := next((name for name in _NAMES if name in item), None)) is None:
        raise ValueError(f"{key} has {', '.join(item) or 'nothing'}")
    return item[name]


def _prediction(name: str, values: Any, known: KnownVideos) -> Prediction:
    reference = known.find(name)
    if reference is None:
        return Prediction(name, failure=UNKNOWN)
    if values.dtype.kind not in "biuf":
        return Prediction(reference.id, failure=f"wrong_type: scores of the type {values.dtype}")
    try:
        flat = values.ravel() if max(values.shape, default=0) == values.size else values  # (1, T), (T, 1)
        scores = on_grid(flat.astype(np.float64), reference)
    except BadRecord as error:
        return Prediction(reference.id, failure=str(error))
    return Prediction(reference.id, scores=scores, score_source="scores")


def _renamed(prediction: Prediction, known: KnownVideos) -> Prediction:
    return Prediction(known.id_of(prediction.id), scores=prediction.scores, score_source=prediction.score_source)
