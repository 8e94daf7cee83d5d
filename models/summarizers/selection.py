"""From scores of frames to keyframes: smoothing inside events, the top share, and MAP selection by a DPP.

Greedy MAP of a determinantal point process: L. Chen et al., Fast Greedy MAP Inference for Determinantal Point Process,
NeurIPS 2018, algorithm 1; the kernel is that of its equation 17.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
_LEAST_GAIN = 1e-10  # less is a rounding error: the frame lies in the span of those chosen


def smooth(scores: Floats, window: int, starts: Sequence[int] = (0,)) -> Floats:
    """The mean of the scores within `window // 2` frames, and of the same event; `starts`: first frames of events."""
    reach = window // 2
    smoothed = np.empty(len(scores))
    for start, end in zip(starts, (*starts[1:], len(scores)), strict=True):
        sums = np.concatenate(([0.0], np.cumsum(scores[start:end], dtype=np.float64)))
        place = np.arange(end - start)
        low, high = np.maximum(place - reach, 0), np.minimum(place + reach + 1, end - start)
        smoothed[start:end] = (sums[high] - sums[low]) / (high - low)
    return smoothed


def share_count(frames: int, share: float) -> int:
    """How many keyframes a share of so many frames is: rounded down, at least one."""
    return max(1, int(share * frames))


def top(scores: Floats, count: int) -> tuple[int, ...]:
    """The `count` frames of the highest scores, in order of time; of equal scores the earlier frame comes first."""
    return tuple(sorted(np.argsort(-scores, kind="stable")[:count].tolist()))


def unit_rows(features: Floats) -> Floats:
    """Features [n, d] as float64 rows of unit norm; a row of zeros stays one."""
    rows = features.astype(np.float64)
    unit: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return unit


def dpp_kernel(scores: Floats, features: Floats, relevance: float) -> Floats:
    """L[i, j] = q[i] * (1 + cosine) / 2 * q[j] with q = exp(alpha * score), alpha = relevance / (2 (1 - relevance)).

    `relevance`, at least 0 and below 1, is the weight of scores against diversity. Features are [n, d].
    """
    unit = unit_rows(features)
    quality = np.exp(relevance / (2 * (1 - relevance)) * scores.astype(np.float64))
    kernel: Floats = quality[:, None] * (1 + unit @ unit.T) / 2 * quality
    return kernel


def dpp_map(kernel: Floats, count: int) -> tuple[int, ...]:
    """Up to `count` items, ascending, chosen one by one so that the determinant of their kernel is largest.

    `kernel` is positive semidefinite [n, n]. Fewer are returned where every further item would make the determinant 0.
    Of equal gains the earlier item wins. O(n count^2) time.
    """
    n = len(kernel)
    gains = np.diagonal(kernel).astype(np.float64).copy()
    rows = np.zeros((count, n))
    chosen: list[int] = []
    while len(chosen) < min(count, n):
        best = int(np.argmax(gains))
        if gains[best] <= _LEAST_GAIN:
            break
        before = rows[: len(chosen)]
        row = (kernel[best] - before[:, best] @ before) / np.sqrt(gains[best])
        rows[len(chosen)] = row
        gains -= row * row
        chosen.append(best)
        gains[chosen] = -np.inf
    return tuple(sorted(chosen))
