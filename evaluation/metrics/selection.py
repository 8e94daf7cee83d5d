"""Makes summaries from scores: the share of the frames with the highest scores, or whole shots by the 0/1 knapsack.

Functions take B score vectors at once; T frames of the grid, N frames of the video, S shots. A share means the decimal
number as written: 0.29 of 100 frames is 29, although the float 0.29 times 100 is a little less.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from evaluation.cases import Flags, Floats, FullLength, Ints, check_shots

_CELLS = 32_768  # totals of the knapsack that are computed at once: so many stay in the processor's cache


def floor_share(frames: int, share: float) -> int:
    """floor(share * frames), exact. Raises ValueError for a share outside 0..1."""
    if not 0 <= share <= 1:
        raise ValueError(f"a share of {share}")
    return int(Fraction(repr(float(share))) * frames)


def top_share(scores: Floats, share: float = 0.15) -> Flags:
    """The floor(share * T) frames with the highest scores, at least one; of equal scores the earliest.

    (B, T) -> (B, T). Raises ValueError for a share outside 0..1.
    """
    frames = scores.shape[-1]
    chosen = np.zeros(scores.shape, bool)
    if frames:
        order = np.argsort(-scores, axis=-1, kind="stable")
        np.put_along_axis(chosen, order[..., : max(1, floor_share(frames, share))], True, axis=-1)
    return chosen


def upstream_threshold(scores: Floats, share: float = 0.15) -> Flags:
    """The frames that VideoXum's evaluation code selects, (B, T) -> (B, T). Only to compare with published rows.

    It selects every frame whose score is at least the score of the frame floor(share * T) before the last. In that code
    (github.com/jylins/videoxum, utils.py, `get_top15_frames`) the scores have the shape (T, 1). They are sorted along
    the axis of length 1, which changes nothing, then reversed in time, and the value at floor(share * T) becomes the
    threshold. So the number of selected frames is a matter of chance.
    """
    frames = scores.shape[-1]
    if not frames:
        return np.zeros(scores.shape, bool)
    at = frames - 1 - floor_share(frames, share)
    return np.asarray(scores >= scores[..., max(at, 0), None])


def knapsack(values: Floats, lengths: Ints, capacity: int) -> Flags:
    """The shots with the highest total value whose total length is at most `capacity`. (B, S), (S,) -> (B, S).

    Exact, by dynamic programming over lengths, which are whole numbers; O(S * capacity) for each row. Shots without
    value are left out; of equal totals, later shots are left out. Raises ValueError for a length below one, and for
    shapes that do not fit.
    """
    if values.ndim != 2 or lengths.shape != values.shape[1:]:
        raise ValueError(f"values of shape {values.shape} and lengths of shape {lengths.shape} do not fit")
    if lengths.size and lengths.min() < 1:
        raise ValueError("a shot without frames")
    rows = values.shape[0]
    step = max(1, _CELLS // (capacity + 1))
    chosen = np.zeros(values.shape, bool)
    for start in range(0, rows, step):
        chosen[start : start + step] = _knapsack(values[start : start + step], lengths, capacity)
    return chosen


def _knapsack(values: Floats, lengths: Ints, capacity: int) -> Flags:
    rows, shots = values.shape
    best = np.zeros((rows, capacity + 1))
    taken = np.zeros((shots, rows, capacity + 1), bool)
    for shot, length in enumerate(lengths.tolist()):
        if length > capacity:
            continue
        with_it = best[:, : capacity + 1 - length] + values[:, shot, None]
        np.greater(with_it, best[:, length:], out=taken[shot, :, length:])
        np.maximum(with_it, best[:, length:], out=best[:, length:])
    chosen = np.zeros(values.shape, bool)
    room = np.full(rows, capacity)
    every = np.arange(rows)
    for shot in range(shots - 1, -1, -1):
        chosen[:, shot] = taken[shot, every, room]
        room -= np.where(chosen[:, shot], lengths[shot], 0)
    return chosen


def expand(scores: NDArray[np.generic], picks: Ints, frames: int) -> NDArray[np.generic]:
    """Scores of the grid for every frame of the video, (B, T) -> (B, N).

    Each score holds until the next pick; frames before the first pick have 0. Raises ValueError for picks that do not
    ascend within the video, and for another number of picks than of scores.
    """
    if picks.shape != scores.shape[-1:] or (picks.size and (picks[0] < 0 or picks[-1] >= frames)):
        raise ValueError(f"{picks.size} picks within {frames} frames do not fit {scores.shape[-1]} scores")
    if (np.diff(picks) <= 0).any():
        raise ValueError("picks must ascend")
    holds = np.diff(picks, append=frames)
    lead = np.zeros((*scores.shape[:-1], int(picks[0]) if picks.size else frames), scores.dtype)
    return np.concatenate([lead, np.repeat(scores, holds, axis=-1)], axis=-1)


def shot_means(scores: Floats, shots: Ints) -> Floats:
    """The mean score of each shot: (B, N) and (S, 2), first and last frame -> (B, S).

    Raises ValueError for shots that `check_shots` refuses.
    """
    check_shots(shots, scores.shape[-1])
    if not shots.size:
        return np.zeros((*scores.shape[:-1], 0))
    padded = np.concatenate([scores, np.zeros((*scores.shape[:-1], 1))], axis=-1)
    bounds = np.stack([shots[:, 0], shots[:, 1] + 1], axis=1).ravel()
    sums = np.add.reduceat(padded, bounds, axis=-1)[..., ::2]
    return np.asarray(sums / (shots[:, 1] - shots[:, 0] + 1))


def shots_to_frames(chosen: Flags, shots: Ints, frames: int) -> Flags:
    """The frames of the chosen shots: (B, S) -> (B, N). Raises ValueError for shots that `check_shots` refuses."""
    check_shots(shots, frames)
    edges = np.zeros((*chosen.shape[:-1], frames + 1), np.int8)
    edges[..., shots[:, 0]] += chosen
    edges[..., shots[:, 1] + 1] -= chosen
    return np.cumsum(edges, axis=-1, dtype=np.int8)[..., :frames].astype(bool)


def shot_summary(scores: Floats, full: FullLength, share: float = 0.15) -> Flags:
    """Summaries of whole shots: scores of every frame (B, N) -> (B, N).

    The value of a shot is the mean of its scores, its weight is its length; the knapsack holds floor(share * N) frames.
    M. Gygli et al., "Creating summaries from user videos", ECCV 2014; in use since K. Zhang et al., ECCV 2016.
    """
    lengths = full.shots[:, 1] - full.shots[:, 0] + 1
    chosen = knapsack(shot_means(scores, full.shots), lengths, floor_share(full.frames, share))
    return shots_to_frames(chosen, full.shots, full.frames)


def uniform_shots(frames: int, length: int) -> Ints:
    """Shots of `length` frames each, the last one shorter: (S, 2)."""
    starts = np.arange(0, frames, length)
    return np.stack([starts, np.minimum(starts + length, frames) - 1], axis=1)
