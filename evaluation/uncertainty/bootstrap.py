"""How sure a metric is: 95 % intervals over videos by the bootstrap, for means and corpus metrics alike.

Everything is a function of sums over videos (`Statistic`), so that one matrix product of resampling weights serves all
metrics at once. Videos are drawn with replacement, whole: what of a video is undefined stays so in every draw.

Interval: BCa (B. Efron, "Better bootstrap confidence intervals", JASA 82, 1987). It is too narrow with few videos; its
tails are then taken further out, t(n - 1) sqrt(n / (n - 1)) in place of the normal quantile (T. Hesterberg, "What
teachers should know about the bootstrap", The American Statistician 69, 2015; `expand` of CI.bca in his R package
`resample`). With 4,000 videos that changes nothing, with 25 it does.

Several runs of one system: the value is the mean of the runs' values. To every replicate, whose draw of videos all runs
share, s / sqrt(R) times a draw of Student's t with R - 1 degrees of freedom is added, s being the standard deviation
of the R values: two runs say little of the spread between runs, and the interval shows it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from scipy.special import stdtrit

from evaluation.cases import Floats

CONFIDENCE, RESAMPLES = 0.95, 10_000
INTERVAL = f"95 % BCa bootstrap over videos, tails expanded for few videos, {RESAMPLES:,} resamples"
_CELLS = 2_000_000  # weights held at once
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True, eq=False)
class Statistic:
    """A metric as a function of sums over videos.

    `sums` (R, V, K): what each of V videos adds in each of R runs; zeros where it is left out. `of` takes (..., K) to
    (...) and gives NaN where the metric does not exist. `videos`: how many are not left out.
    """

    sums: Floats
    of: Callable[[Floats], Floats]
    videos: int

    def at(self, sums: Floats) -> Floats:
        """The metric of given sums (..., K); NaN where it does not exist, without numpy's warnings."""
        with np.errstate(divide="ignore", invalid="ignore"):
            values: Floats = self.of(sums)
        return values


class Interval(NamedTuple):
    """A value and the ends of its 95 % interval; NaN where there is none."""

    value: float
    low: float
    high: float


def mean_of(values: Floats) -> Statistic:
    """The mean over videos of `values` (V,) or (R, V), NaN left out. Raises ValueError for an infinite one."""
    table = np.atleast_2d(np.asarray(values, np.float64))
    if np.isinf(table).any():
        raise ValueError("a value is infinite")
    there = ~np.isnan(table)
    sums = np.stack([np.where(there, table, 0.0), there.astype(np.float64)], axis=-1)
    return Statistic(sums, _ratio, int(there.any(axis=0).sum()))


def corpus_of(sums: Floats, of: Callable[[Floats], Floats]) -> Statistic:
    """A corpus metric from sufficient statistics (V, K) or (R, V, K); a video whose row has a NaN is left out."""
    table = np.asarray(sums, np.float64)
    table = table[None] if table.ndim == 2 else table
    there = np.asarray(~np.isnan(table).any(axis=-1))
    return Statistic(np.where(there[..., None], table, 0.0), of, int(there.any(axis=0).sum()))


def intervals(statistics: Sequence[Statistic], seed: int, expand: bool = True) -> list[Interval]:
    """Value and 95 % interval of each, from the same draws of videos; all have the same V, in the same order.

    NaN as the value where the metric does not exist, as the ends where fewer than two videos have it. `expand=False`
    is the plain BCa interval. Raises ValueError when the numbers of videos differ.
    """
    if not statistics:
        return []
    replicates = _replicates(statistics, np.random.default_rng([seed, 0]))
    return [
        _interval(one, row, np.random.default_rng([seed, 1]), expand)
        for one, row in zip(statistics, replicates, strict=True)
    ]


def _ratio(sums: Floats) -> Floats:
    quotient: Floats = np.divide(
        sums[..., 0], sums[..., 1], out=np.full(sums.shape[:-1], np.nan), where=np.asarray(sums[..., 1] > 0)
    )
    return quotient


def _value(one: Statistic) -> float:
    """The mean of the runs' values; runs without one are left out."""
    values = one.at(one.sums.sum(axis=1))
    return float(np.mean(values[~np.isnan(values)])) if not np.isnan(values).all() else math.nan


def chunks(videos: int) -> Iterator[int]:
    """How many of the 10,000 resamples of so many videos to hold at once, until all were held."""
    most, left = max(1, _CELLS // max(videos, 1)), RESAMPLES
    while left:
        yield min(most, left)
        left -= min(most, left)


def _replicates(statistics: Sequence[Statistic], rng: np.random.Generator) -> Floats:
    """(statistics, resamples): each metric's mean over its runs on videos drawn with replacement."""
    videos = {one.sums.shape[1] for one in statistics}
    if len(videos) != 1:
        raise ValueError(f"metrics over different numbers of videos: {sorted(videos)}")
    (count,) = videos
    if not count:
        return np.full((len(statistics), RESAMPLES), np.nan)
    columns = np.concatenate([one.sums.transpose(1, 0, 2).reshape(count, -1) for one in statistics], axis=1)
    rows: list[list[Floats]] = [[] for _ in statistics]
    for size in chunks(count):
        places = rng.integers(0, count, (size, count)) + np.arange(size)[:, None] * count
        weights = np.bincount(places.ravel(), minlength=size * count).reshape(size, count).astype(np.float64)
        sums, at = weights @ columns, 0
        for row, one in zip(rows, statistics, strict=True):
            runs, _, width = one.sums.shape
            values = one.at(sums[:, at : at + runs * width].reshape(size, runs, width))
            row.append(_mean_of_runs(values))
            at += runs * width
    return np.stack([np.concatenate(row) for row in rows])


def _mean_of_runs(values: Floats) -> Floats:
    """(n, R) to (n,), NaN left out; NaN where there is nothing else."""
    there = ~np.isnan(values)
    return _ratio(np.stack([np.where(there, values, 0.0).sum(axis=1), there.sum(axis=1)], axis=-1))


def _interval(one: Statistic, replicates: Floats, rng: np.random.Generator, expand: bool) -> Interval:
    value = _value(one)
    kept = replicates[~np.isnan(replicates)]  # a draw in which no video had the metric says nothing of it
    if math.isnan(value) or one.videos < 2 or not kept.size:
        return Interval(value, math.nan, math.nan)
    bias = _bias(kept, value)
    skew = _acceleration(one)
    tail = (1 + CONFIDENCE) / 2
    z = _NORMAL.inv_cdf(tail)
    if expand:
        z = float(stdtrit(one.videos - 1, tail)) * math.sqrt(one.videos / (one.videos - 1))
    runs = one.at(one.sums.sum(axis=1))
    runs = runs[~np.isnan(runs)]
    if len(runs) > 1:
        spread = float(np.std(runs, ddof=1)) / math.sqrt(len(runs))
        kept = kept + spread * rng.standard_t(len(runs) - 1, kept.size)
    low, high = np.quantile(kept, [_corrected(-z, bias, skew), _corrected(z, bias, skew)])
    return Interval(value, min(float(low), value), max(float(high), value))


def _bias(replicates: Floats, value: float) -> float:
    """BCa's z0: where the value lies among its replicates; those that equal it, but for rounding, count half."""
    near = 1e-12 * max(1.0, abs(value))
    below = float((replicates < value - near).mean())
    same = float((np.abs(replicates - value) <= near).mean())
    share = below + same / 2
    return _NORMAL.inv_cdf(share) if 0 < share < 1 else 0.0


def _acceleration(one: Statistic) -> float:
    """BCa's a: the skewness of the leave-one-out values, sum u^3 / (6 (sum u^2)^1.5)."""
    without = _mean_of_runs(one.at((one.sums.sum(axis=1, keepdims=True) - one.sums).transpose(1, 0, 2)))
    without = without[~np.isnan(without)]
    if without.size < 2:
        return 0.0
    moved = without.mean() - without
    scale = float(np.abs(moved).max())
    if scale <= 1e-14 * max(1.0, float(np.abs(without).max())):
        return 0.0
    moved = moved / scale
    return float((moved**3).sum() / (6 * (moved**2).sum() ** 1.5))


def _corrected(z: float, bias: float, skew: float) -> float:
    """The percentile that stands for the normal quantile `z`."""
    below = 1 - skew * (bias + z)
    return _NORMAL.cdf(bias + (bias + z) / below) if below > 0 else float(bias + z > 0)
