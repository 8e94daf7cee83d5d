"""Cuts a video into events: kernel temporal segmentation, and a learned head that finds where events begin.

Kernel temporal segmentation: D. Potapov et al., Category-Specific Video Summarization, ECCV 2014, section 3.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

Floats = npt.NDArray[np.floating]


def kernel_segments(features: Floats, penalty: float = 1.0, most: int | None = None) -> tuple[int, ...]:
    """The first frames of the segments that minimise scatter within segments plus a price of their number.

    `features` are [n, d], compared by inner products. The scatter of a segment is its squared distance from its mean.
    With m changes the objective is scatter / n + penalty * m / (2 n) * (log(n / m) + 1), where m <= `most` (n - 1 by
    default); fewer changes win a tie. The first is 0. Exact dynamic programming, O(n^2) for each number of changes,
    up to the one whose price alone is above the best objective: a higher one cannot be better. O(n^2) memory.
    """
    n = len(features)
    most = n - 1 if most is None else min(most, n - 1)
    scatter = _scatters(np.asarray(features, dtype=np.float64))
    costs, starts = scatter[0], []  # costs[j]: of the first j frames in the segments so far
    objectives = [costs[n] / n]
    for changes in range(1, most + 1):
        price = penalty * changes / (2 * n) * (np.log(n / changes) + 1)  # it grows with the number of changes
        if price >= min(objectives):
            break
        table = costs[:, None] + scatter
        starts.append(table.argmin(0))
        costs = table.min(0)
        objectives.append(costs[n] / n + price)
    found, end = [], n
    for level in reversed(starts[: int(np.argmin(objectives))]):
        end = int(level[end])
        found.append(end)
    return (0, *reversed(found))


def _scatters(x: Floats) -> Floats:
    """[n + 1, n + 1]: the scatter of frames i to j - 1, infinite where there is none."""
    n = len(x)
    gram = np.zeros((n + 1, n + 1))
    gram[1:, 1:] = (x @ x.T).cumsum(0).cumsum(1)
    squares = np.concatenate(([0.0], (x * x).sum(1).cumsum()))
    corner = np.diagonal(gram)
    within = corner[None] + corner[:, None] - gram - gram.T
    length = np.arange(n + 1)[None] - np.arange(n + 1)[:, None]
    scatter = squares[None] - squares[:, None] - within / np.maximum(length, 1)
    return np.where(length > 0, np.maximum(scatter, 0.0), np.inf)


class BoundaryHead(nn.Module):
    """Logits that a frame begins an event, from the frame and its difference to the one before."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * size, 1)

    def forward(self, frames: Tensor) -> Tensor:
        """[B, T, size] -> logits [B, T]; the first frame's means nothing, since a video always begins with an event."""
        change = frames - torch.cat((frames[:, :1], frames[:, :-1]), 1)
        logits: Tensor = self.linear(torch.cat((frames, change), -1))
        return logits.squeeze(-1)
