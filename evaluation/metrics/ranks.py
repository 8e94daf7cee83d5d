"""Kendall's tau-b and Spearman's rho with ties, exact, for many predictions at once.

    tau_b = (C - D) / sqrt((n0 - n1) (n0 - n2))     M. G. Kendall, "The treatment of ties in ranking problems",
                                                    Biometrika 33, 1945
    rho   = Pearson's correlation of mid-ranks      C. Spearman, Am. J. Psychology 15, 1904

C and D are the numbers of pairs of frames in the same and in opposite order, n0 is the number of all pairs, n1 and n2
the numbers of pairs that are tied in the first and in the second input. The values equal those of
scipy.stats.kendalltau and spearmanr.

No loop visits the pairs of frames. With the centred ranks d = 2 r - T - 1 of one input, C - D against a selection y is
the product y . d, because the pairs within y cancel. An input with more than two levels is split by the bits of its
levels: each bit is a selection among the frames whose higher bits are equal. So L levels need log2 L sorts.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.cases import Flags, Floats, Ints

_CELLS = 2_000_000  # cells of a block that is computed at once: a few arrays of 16 MB


class Correlations(NamedTuple):
    """tau-b and rho of B predictions with R references each, both (B, R); NaN: undefined."""

    tau: Floats
    rho: Floats


class _Ranked(NamedTuple):
    """Centred mid-ranks 2 r - T - 1 (..., T), the number of tied ordered pairs (...), and the levels.

    `levels` is None where no row has more than two of them.
    """

    centred: Floats
    tied: Floats
    levels: Ints | None


def rank_correlations(predictions: NDArray[np.generic], references: NDArray[np.generic]) -> Correlations:
    """Correlate every prediction with its references.

    `predictions` (B, T), numbers or flags; `references` (B, R, T), or (1, R, T) where all predictions have the same
    references. Returns (B, R) each: NaN where one input is constant or where there are fewer than two frames. Raises
    ValueError for other shapes and for NaN in the input.
    """
    x, y = np.asarray(predictions), np.asarray(references)
    if x.ndim != 2 or y.ndim != 3 or y.shape[0] not in (1, x.shape[0]) or y.shape[2] != x.shape[1]:
        raise ValueError(f"predictions of shape {x.shape} and references of shape {y.shape} do not fit")
    for values in (x, y):
        if values.dtype.kind == "f" and np.isnan(values).any():
            raise ValueError("NaN has no rank")
    rows, per_row = x.shape[0], max(1, y.shape[1] * x.shape[1])
    step = max(1, _CELLS // per_row)
    tau, rho = np.full((rows, y.shape[1]), np.nan), np.full((rows, y.shape[1]), np.nan)
    if x.shape[1] < 2 or not tau.size:
        return Correlations(tau, rho)
    shared = _ranked(y) if y.shape[0] == 1 else None
    for start in range(0, rows, step):
        block = slice(start, start + step)
        tau[block], rho[block] = _correlate(_ranked(x[block]), shared if shared is not None else _ranked(y[block]))
    return Correlations(tau, rho)


def kendall(prediction: NDArray[np.generic], references: NDArray[np.generic]) -> Floats:
    """Kendall's tau-b of one prediction (T,) with each of `references` (R, T): (R,), NaN where undefined."""
    return np.asarray(rank_correlations(np.asarray(prediction)[None], np.asarray(references)[None]).tau[0])


def highest_kendall(chosen: int, frames: int) -> float:
    """The highest tau-b of distinct scores with one selection of `chosen` among `frames` frames; NaN: undefined.

    All k (n - k) pairs that the selection orders agree, and no pair of scores is tied: C - D = n0 - n2 = k (n - k) and
    n1 = 0, so tau_b = sqrt(k (n - k) / n0). Only scores with ties can reach 1: those that are two-valued themselves.
    """
    pairs, ordered = frames * (frames - 1) / 2, chosen * (frames - chosen)
    return math.sqrt(ordered / pairs) if ordered > 0 else math.nan


def _ranked(values: NDArray[np.generic]) -> _Ranked:
    frames = values.shape[-1]
    if (flags := _as_flags(values)) is not None:
        ones = flags.sum(axis=-1, dtype=np.float64)
        zeros = frames - ones
        centred = np.where(flags, zeros[..., None], -ones[..., None])
        return _Ranked(centred, ones * (ones - 1) + zeros * (zeros - 1), None)
    order = np.argsort(values, axis=-1)
    ordered = np.take_along_axis(values, order, axis=-1)
    begins = np.ones(values.shape, bool)
    begins[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    first, last = _runs(begins)
    centred, levels = np.empty(values.shape), np.empty(values.shape, np.int64)
    np.put_along_axis(centred, order, (first + last + 1.0) - frames, axis=-1)
    np.put_along_axis(levels, order, np.cumsum(begins, axis=-1) - 1, axis=-1)
    return _Ranked(centred, (last - first).sum(axis=-1, dtype=np.float64), levels)


def _as_flags(values: NDArray[np.generic]) -> Flags | None:
    """Flags of the higher values, where no row has more than two different values; None otherwise."""
    if values.dtype == np.bool_:
        return values.astype(np.bool_, copy=False)
    low, high = values.min(axis=-1, keepdims=True), values.max(axis=-1, keepdims=True)
    lower = values == low
    return ~lower if bool((lower | (values == high)).all()) else None


def _runs(begins: Flags) -> tuple[Ints, Ints]:
    """The first and the last place of the run that each place belongs to. `begins`: where the runs begin."""
    frames = begins.shape[-1]
    places = np.arange(frames)
    first = np.maximum.accumulate(np.where(begins, places, 0), axis=-1)
    ends = np.ones(begins.shape, bool)
    ends[..., :-1] = begins[..., 1:]
    last = np.where(ends, places, frames)
    return first, np.minimum.accumulate(last[..., ::-1], axis=-1)[..., ::-1]


def _correlate(x: _Ranked, y: _Ranked) -> tuple[Floats, Floats]:
    frames = x.centred.shape[-1]
    product = _products(x.centred, y.centred)
    # Where one input has two values, its centred ranks lie T apart: the product of the ranks is T times y . d.
    order = product / frames if x.levels is None or y.levels is None else _order(x.levels, y.levels)
    pairs = float(frames) * (frames - 1)
    untied_x, untied_y = (pairs - x.tied)[:, None], pairs - y.tied
    square_x = np.square(x.centred).sum(axis=-1)[:, None]
    square_y = np.square(y.centred).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        tau = 2 * order / (np.sqrt(untied_x) * np.sqrt(untied_y))
        rho = product / (np.sqrt(square_x) * np.sqrt(square_y))
    # Only rounding can exceed 1; scipy clips too. NaN stays NaN.
    return np.clip(tau, -1, 1), np.clip(rho, -1, 1)


def _products(x: Floats, y: Floats) -> Floats:
    """(B, T) with (B or 1, R, T) -> (B, R)."""
    if y.shape[0] == 1:
        return np.asarray(x @ y[0].T)
    return np.asarray(np.matmul(y, x[:, :, None])[:, :, 0])


def _order(x: Ints, y: Ints) -> Floats:
    """C - D from levels: (B, T) and (B or 1, R, T) -> (B, R)."""
    split, other = np.broadcast_arrays(y, x[:, None, :])
    if other.max() < split.max():
        split, other = other, split  # C - D is symmetric: split the input with fewer levels
    width = int(other.max()) + 1
    total = np.zeros(split.shape[:2])
    for bit in range(int(split.max()).bit_length()):
        keys = (((split >> (bit + 1)) * width + other) << 1) | ((split >> bit) & 1)
        keys = np.sort(keys.astype(np.int32) if keys.max() < 2**31 else keys, axis=-1)
        group_begins, run_begins = np.ones(keys.shape, bool), np.ones(keys.shape, bool)
        runs = keys >> 1
        groups = runs // width
        group_begins[..., 1:] = groups[..., 1:] != groups[..., :-1]
        run_begins[..., 1:] = runs[..., 1:] != runs[..., :-1]
        (first, last), (start, end) = _runs(run_begins), _runs(group_begins)
        # The frames of the group that lie below, minus those that lie above; ties within the run are neither.
        total += np.where(keys & 1, (first - start) - (end - last), 0).sum(axis=-1)
    return total
