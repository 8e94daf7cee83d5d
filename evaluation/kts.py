"""Kernel temporal segmentation: where a video changes, and into how many parts.

D. Potapov, M. Douze, Z. Harchaoui, C. Schmid, "Category-specific video summarization", ECCV 2014, section 3. With a
kernel k over T frames, a part of the frames i..j costs its scatter

    J(i, j) = sum_t k(t, t) - sum_s,t k(s, t) / (j - i + 1)

and m changes are placed by dynamic programming so that the total is least; m minimises

    L(m) / T + g(m),   g(m) = vmax * m / (2 n) * (log(n / m) + 1),   g(0) = 0

where n = rate * T is the length of the video before it was sampled.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evaluation.cases import Floats, Ints


class Segmentation(NamedTuple):
    """`changes` (m,): the first frame of every part but the first. `costs[k]`: L with k changes, k = 0..most."""

    changes: Ints
    costs: Floats


def linear_kernel(features: Floats) -> Floats:
    """Inner products of all frames: (T, D) -> (T, T)."""
    f = np.asarray(features, np.float64)
    return f @ f.T


def segment(kernel: Floats, most: int, *, vmax: float = 1.0, rate: int = 1, shortest: int = 1) -> Segmentation:
    """Find the number of changes, at most `most`, and the changes themselves.

    `kernel` (T, T), symmetric. `vmax`: the weight of the penalty. `shortest`: frames that a part has at least. More
    changes than such parts allow are not tried. Of equal costs, fewer changes win. O(most T^2) time, O(T^2) memory.
    Raises ValueError for a kernel that is not square or no frames.
    """
    parts, costs = _place(kernel, most, shortest)
    frames = kernel.shape[0]
    n = float(rate * frames)
    m = np.arange(1, costs.size)
    penalty = np.concatenate([[0.0], vmax * m / (2 * n) * (np.log(n / m) + 1)])
    return Segmentation(_trace(parts, int(np.argmin(costs / frames + penalty)), frames), costs)


def segment_into(kernel: Floats, changes: int, *, shortest: int = 1) -> Segmentation:
    """Place exactly so many changes. Raises ValueError where the video is too short for them."""
    parts, costs = _place(kernel, changes, shortest)
    if changes >= costs.size:
        raise ValueError(f"{kernel.shape[0]} frames do not hold {changes + 1} parts of {shortest}")
    return Segmentation(_trace(parts, changes, kernel.shape[0]), costs)


def shots_from(changes: Ints, picks: Ints, frames: int) -> Ints:
    """Shots of the whole video (S, 2), first and last frame, from changes on its grid: each begins at its pick."""
    starts = np.concatenate([[0], picks[changes]]).astype(np.int64)
    return np.stack([starts, np.append(starts[1:], frames) - 1], axis=1)


def scatters(kernel: Floats, shortest: int = 1) -> Floats:
    """J(i, j) of every part i..j, both inclusive; infinite where j - i + 1 < `shortest`. (T, T) -> (T, T)."""
    frames = kernel.shape[0]
    diagonal = np.concatenate([[0.0], np.cumsum(np.diagonal(kernel))])
    block = np.zeros((frames + 1, frames + 1))
    np.cumsum(np.cumsum(kernel, axis=0), axis=1, out=block[1:, 1:])
    corner = np.diagonal(block)
    start = np.arange(frames)[:, None]
    length = np.arange(1, frames + 1)[None, :] - start
    # Sums over squares from the four corners of the cumulative sums.
    squares = corner[None, 1:] + corner[:-1, None] - block[:-1, 1:] - block[1:, :-1].T
    cost = diagonal[None, 1:] - diagonal[:-1, None] - squares / np.maximum(length, 1)
    return np.where(length >= shortest, cost, np.inf)


def _place(kernel: Floats, most: int, shortest: int) -> tuple[list[Ints], Floats]:
    """Tables of the best last change, by number of changes and end, and the least costs of the whole."""
    kernel = np.asarray(kernel, np.float64)
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or not kernel.shape[0]:
        raise ValueError(f"a kernel of shape {kernel.shape}")
    if most < 0 or shortest < 1:
        raise ValueError(f"{most} changes, parts of {shortest}")
    frames = kernel.shape[0]
    cost = scatters(kernel, shortest)
    best = cost[0]  # of frames 0..j in one part
    parts: list[Ints] = []
    costs = [float(best[-1])]
    every = np.arange(frames)
    for _ in range(min(most, frames // shortest - 1)):
        # Frames 0..i-1 as before, and i..j as one part more.
        total = best[:-1, None] + cost[1:, :]
        begin = np.argmin(total, axis=0) + 1
        best = total[begin - 1, every]
        parts.append(begin)
        costs.append(float(best[-1]))
    return parts, np.array(costs)


def _trace(parts: list[Ints], changes: int, frames: int) -> Ints:
    found: list[int] = []
    end = frames - 1
    for table in reversed(parts[:changes]):
        begin = int(table[end])
        found.append(begin)
        end = begin - 1
    return np.array(found[::-1], np.int64)
