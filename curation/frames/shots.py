"""Divides the sampled frames of a video into shots: kernel temporal segmentation of colour histograms.

The cost of a segment is the scatter of its frames around their mean in the kernel's space (Potapov et al.,
Category-Specific Video Summarization, ECCV 2014). Each segment adds a penalty, which determines the number of segments.
Dynamic programming with pruning finds the exact optimum (Killick et al., Optimal Detection of Changepoints With a
Linear Computational Cost, JASA 2012).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

# A cut must reduce the scatter by at least this much: two frames of unlike shots have a scatter of
# (1 - similarity) / 2 each.
BASE_PENALTY = 0.25
# The penalty also exceeds the noise between neighbouring frames, and grows with the logarithm of the length. The noise
# is measured on the calmest quarter of the frames, and the penalty is limited, because in a video with many cuts most
# neighbours are unlike.
NOISE_FACTOR = 4.0
MOST_PENALTY = 0.4


def segment(features: NDArray[np.float32]) -> tuple[tuple[int, int], ...]:
    """The shots as (first, last) frame indices, both inclusive, in order; together they cover all frames.

    `features` (N, D) holds a vector of norm 1 for each frame. Raises ValueError when there is no frame.
    """
    if len(features) == 0:
        raise ValueError("no frames to segment")
    starts = change_points(features, _penalty(features))
    return tuple((start, end - 1) for start, end in zip(starts, [*starts[1:], len(features)], strict=True))


def change_points(features: NDArray[np.float32], penalty: float) -> list[int]:
    """The first indices of the segments that minimize the sum of scatters plus `penalty` for each segment.

    Scatter of frames s..t-1 = sum |x|^2 - |sum x|^2 / (t - s). Time O(N * candidates * D), with few candidates.
    """
    count = len(features)
    sums = np.vstack([np.zeros(features.shape[1]), np.cumsum(features, axis=0, dtype=np.float64)])
    squares = np.concatenate([[0.0], np.cumsum(np.einsum("nd,nd->n", features, features, dtype=np.float64))])
    best = np.full(count + 1, math.inf)
    best[0] = -penalty
    before = np.zeros(count + 1, dtype=np.intp)
    candidates = np.zeros(1, dtype=np.intp)
    for end in range(1, count + 1):
        total = sums[end] - sums[candidates]
        scatter = squares[end] - squares[candidates] - np.einsum("nd,nd->n", total, total) / (end - candidates)
        costs = best[candidates] + scatter
        chosen = int(costs.argmin())
        best[end] = costs[chosen] + penalty
        before[end] = candidates[chosen]
        # A start whose cost is higher than `best[end]`, which includes a penalty, can never become the best start.
        candidates = np.append(candidates[costs <= best[end]], end)
    starts, end = [], count
    while end > 0:
        end = int(before[end])
        starts.append(end)
    return starts[::-1]


def _penalty(features: NDArray[np.float32]) -> float:
    if len(features) < 3:
        return BASE_PENALTY
    steps = 1.0 - np.einsum("nd,nd->n", features[1:], features[:-1])
    noise = float(np.quantile(np.maximum(steps, 0.0), 0.25))
    return min(BASE_PENALTY + NOISE_FACTOR * noise * math.log(len(features)), MOST_PENALTY)
