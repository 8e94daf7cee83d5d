"""Adaptive sampling (seed 003): of all frames, those between which most changes; and predictions back on all frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from models.summarizers.predicted import Predicted
from models.summarizers.selection import unit_rows

Frames = NDArray[np.int64]


def adaptive_frames(vectors: NDArray[np.float32], count: int) -> Frames:
    """At most `count` of F frames, denser where neighbouring vectors differ: ascending, unique, with first and last.

    The way along the frames grows at each step by the cosine distance of the two vectors, plus the mean distance, so
    that no part of a still video is left out (the seed chooses frames by CLIP differences and gives no formula). The
    frames nearest to `count` equal parts of the way are taken; fewer than `count` where one is nearest to several.
    Equal vectors give uniform frames. Raises ValueError for no frame, and for a count below 2.
    """
    if len(vectors) < 1 or count < 2:
        raise ValueError(f"{count} of {len(vectors)} frames")
    unit = unit_rows(vectors)
    steps = np.clip(1 - (unit[1:] * unit[:-1]).sum(axis=1), 0, 2)
    mean = float(steps.mean()) if len(steps) else 0.0
    way = np.concatenate([[0.0], np.cumsum(steps + max(mean, 1e-6))])
    positions = np.interp(np.linspace(0, way[-1], count), way, np.arange(len(vectors)))
    return np.unique(np.floor(positions + 0.5).astype(np.int64))


def nearest_of(seen: Frames, frames: int) -> Frames:
    """For each of F = `frames` frames the place of the nearest one in `seen`, the earlier of two; int64 [F]."""
    found: Frames = np.abs(np.arange(frames)[:, None] - seen).argmin(axis=1).astype(np.int64)
    return found


def on_all_frames(predicted: Predicted, seen: Frames, frames: int) -> Predicted:
    """A prediction about the frames `seen` alone as one about all F = `frames`; scores between them are linear."""
    scores = predicted.scores
    if scores is not None:
        scores = np.interp(np.arange(frames), seen, scores).astype(np.float32)
    cited = predicted.interleaved
    if cited is not None:
        cited = tuple((tuple(seen[list(of)].tolist()), text) for of, text in cited)
    return replace(
        predicted, scores=scores, keyframes=tuple(seen[list(predicted.keyframes)].tolist()), interleaved=cited
    )
