"""Small valid HDF5 and MATLAB files, which examples of the readers of TVSum and SumMe are made of."""

from __future__ import annotations

import io
from typing import Any

import h5py
import numpy as np
from scipy.io import savemat

TSV = (b"AwmHb44_ouw\tVT\t" + b",".join([b"1"] * 31) + b"\n" + b"AwmHb44_ouw\tVT\t" + b",".join([b"3"] * 31) + b"\n",)
_FRAMES = 61


def _written(values: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        for key, value in values.items():
            file[key] = value
    return stream.getvalue()


def eccv16() -> tuple[bytes, ...]:
    """Two videos in the form of eccv16, and variants of one with other types."""
    shots = np.array([[0, 29], [30, 60]])
    picks = np.arange(0, _FRAMES, 15)
    one: dict[str, Any] = {
        "picks": picks, "n_frames": _FRAMES, "n_steps": picks.size, "change_points": shots,
        "n_frame_per_seg": np.array([30, 31]), "user_summary": np.ones((3, _FRAMES), np.float32),
        "gtscore": np.full(picks.size, 0.5), "gtsummary": np.ones(picks.size, np.float32), "video_name": "Jumps",
    }  # fmt: skip
    odd: list[dict[str, Any]] = [
        {"picks": b"text"}, {"n_frames": -1}, {"n_frames": 2**62}, {"change_points": np.zeros((0, 2))},
        {"video_name": 3}, {"change_points": np.array([[0, 2**62]])}, {"user_summary": np.zeros((0, 0))},
        {"picks": np.array([np.nan])},
        {"change_points": np.array([1.5, np.inf])}, {"n_frames": np.array([1, 2])}, {"picks": np.array([10**9])},
    ]  # fmt: skip
    return tuple(
        _written({f"video_{place}/{key}": value for place in (1, 2) for key, value in {**one, **change}.items()})
        for change in ({}, *odd)
    )


def tvsum() -> tuple[bytes, ...]:
    """One video in the form of MATLAB 7.3, and variants of it."""
    made = []
    for ratings, seconds in (
        (np.ones((20, _FRAMES)), 2.0), (np.full((20, _FRAMES), np.nan), 2.0), (np.zeros((0, 0)), 0.0),
        (np.ones((20, _FRAMES)), np.inf), (np.ones(3), -1.0), (np.ones((20, _FRAMES)), 1e-300),
    ):  # fmt: skip
        stream = io.BytesIO()
        with h5py.File(stream, "w") as file:
            texts = {"video": "AwmHb44_ouw", "title": "Ünïcode \U0001f600"}
            cells: dict[str, Any] = {
                key: np.frombuffer(text.encode("utf-16-le"), np.uint16)[:, None] for key, text in texts.items()
            }
            cells |= {"length": np.array([[seconds]]), "user_anno": ratings}
            for key, value in cells.items():
                file[f"#refs#/{key}"] = value
                table = file.create_dataset(f"tvsum50/{key}", (1, 1), h5py.ref_dtype)
                table[0, 0] = file[f"#refs#/{key}"].ref
        made.append(stream.getvalue())
    return tuple(made)


def summe() -> tuple[bytes, ...]:
    """A video of SumMe in MATLAB 5, plain and compressed, and variants of it."""
    scores = np.random.default_rng(0).integers(0, 4, (_FRAMES, 3)).astype(np.uint8)
    made = []
    for values, packed in (
        ({"user_score": scores, "nFrames": _FRAMES, "FPS": 30.0}, False),
        ({"user_score": scores, "nFrames": _FRAMES, "FPS": 30.0}, True),
        ({"user_score": "text", "nFrames": [], "FPS": np.nan}, False),
        ({"user_score": scores.astype(object), "nFrames": -1, "FPS": 0.0}, False),
        ({"user_score": scores, "nFrames": {"a": 1}, "FPS": {"b": [1]}}, False),
    ):
        stream = io.BytesIO()
        savemat(stream, values, do_compression=packed)
        made.append(stream.getvalue())
    return tuple(made)


def scores() -> tuple[bytes, ...]:
    """Frame scores by video."""
    values = {"video_1": np.arange(10) / 10, "w/score": np.ones((1, 10)), "x/importance_scores": np.ones(10)}
    return _written(values), _written({"v": b"text", "w": np.array([np.nan] * 10), "x/y/z": 1})


def results() -> tuple[bytes, ...]:
    """Published results in both forms."""
    grid, whole = np.full(5, 0.5), np.ones(_FRAMES)
    first = {"video_1/score": grid, "video_1/machine_summary": whole, "video_1/fm": 0.5, "video_1/precision": 0.4}
    second = {
        "video_1/importance_scores": whole, "video_1/machine_summary": whole, "video_1/fscore": 50.0,
        "video_1/shot_lengths": np.array([30, 31]),
    }  # fmt: skip
    third = {"video_1/change_points": np.array([[0, 60]]), "video_1/video_name": "Jumps", **first}
    odd = {"video_1/machine_summary": np.array([]), "video_1/score": b"x", "video_1/fm": np.array([1, 2])}
    lengths = {**second, "video_1/shot_lengths": np.array([2**62, 2**62])}
    return tuple(map(_written, (first, second, third, odd, lengths)))
