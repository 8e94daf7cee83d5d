"""95 % intervals of metrics by the bootstrap over videos, for means and for corpus metrics.

Every metric is a function of sums over videos (`Statistic`), so that one matrix product with resampling weights serves
all metrics at once. Whole videos are drawn with replacement: a value of a video that is undefined is undefined in every
draw.

The interval is BCa (B. Efron, "Better bootstrap confidence intervals", JASA 82, 1987). BCa is too narrow for few
videos, so the normal quantile is replaced by t(n - 1) sqrt(n / (n - 1)), which expands the tails (T. Hesterberg, "What
teachers should know about the bootstrap", The American Statistician 69, 2015; `expand` of CI.bca in his R package
`resample`). This matters with 25 videos, and changes nothing with 4,000.

With several runs of one system the value is the mean of the runs' values, and all runs share the draws of videos. What
the runs add is in runs.py: it is added on a scale on which no end leaves the range of the metric's unit.
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
from evaluation.uncertainty.runs import UNBOUNDED, Span, Spread, spread_of, with_runs

CONFIDENCE, RESAMPLES = 0.95, 10_000
INTERVAL = (
    f"95 % BCa bootstrap over videos, tails expanded for few videos, {RESAMPLES:,} resamples; with several runs also "
    "over runs, by Student's t within the metric's range"
)
_CELLS = 2_000_000  # weights in memory at once
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True, eq=False)
class Statistic:
    """A metric as a function of sums over videos.

    `sums` (R, V, K): what each of V videos adds to the K sums in each of R runs; zeros where the video is left out.
    `of`: the function from summed rows (..., K) to values (...), NaN where the metric does not exist. `videos`: the
    number of videos that are not left out. `span`: the values that the metric can have. `spread`: what the runs add to
    the interval, where it is known (a difference of systems with several runs each); None: it comes from the R runs.
    """

    sums: Floats
    of: Callable[[Floats], Floats]
    videos: int
    span: Span = UNBOUNDED
    spread: Spread | None = None

    def at(self, sums: Floats) -> Floats:
        """The metric of sums (..., K): (...), NaN where it does not exist. numpy's warnings are switched off."""
        with np.errstate(divide="ignore", invalid="ignore"):
            values: Floats = self.of(sums)
        return values


class Interval(NamedTuple):
    """A value and the ends of its 95 % interval; NaN where the value or the interval does not exist."""

    value: float
    low: float
    high: float


def mean_of(values: Floats, span: Span = UNBOUNDED) -> Statistic:
    """The mean over videos of `values` (V,) or (R, V) without NaN. Raises ValueError for an infinite value."""
    table = np.atleast_2d(np.asarray(values, np.float64))
    if np.isinf(table).any():
        raise ValueError("a value is infinite")
    defined = ~np.isnan(table)
    sums = np.stack([np.where(defined, table, 0.0), defined.astype(np.float64)], axis=-1)
    return Statistic(sums, _ratio, int(defined.any(axis=0).sum()), span)


def corpus_of(sums: Floats, of: Callable[[Floats], Floats], span: Span = UNBOUNDED) -> Statistic:
    """A corpus metric from the videos' statistics (V, K) or (R, V, K). A video whose row has a NaN is left out."""
    table = np.asarray(sums, np.float64)
    table = table[None] if table.ndim == 2 else table
    defined = np.asarray(~np.isnan(table).any(axis=-1))
    return Statistic(np.where(defined[..., None], table, 0.0), of, int(defined.any(axis=0).sum()), span)


def intervals(statistics: Sequence[Statistic], seed: int, expand: bool = True) -> list[Interval]:
    """Value and 95 % interval of each statistic, all from the same draws of videos.

    All statistics have the same V videos in the same order. The value is NaN where the metric does not exist, the ends
    are NaN where fewer than two videos have it. `expand=False` gives the plain BCa interval. Raises ValueError when the
    numbers of videos differ.
    """
    if not statistics:
        return []
    replicates = _replicates(statistics, np.random.default_rng([seed, 0]))
    return [_interval(statistic, row, expand) for statistic, row in zip(statistics, replicates, strict=True)]


def _ratio(sums: Floats) -> Floats:
    quotient: Floats = np.divide(
        sums[..., 0], sums[..., 1], out=np.full(sums.shape[:-1], np.nan), where=np.asarray(sums[..., 1] > 0)
    )
    return quotient


def chunks(videos: int) -> Iterator[int]:
    """Sizes of the blocks into which the 10,000 resamples of `videos` videos are divided, to limit the memory."""
    most, left = max(1, _CELLS // max(videos, 1)), RESAMPLES
    while left:
        yield min(most, left)
        left -= min(most, left)


def _replicates(statistics: Sequence[Statistic], rng: np.random.Generator) -> Floats:
    """(statistics, resamples): each metric's mean over its runs on videos drawn with replacement."""
    videos = {statistic.sums.shape[1] for statistic in statistics}
    if len(videos) != 1:
        raise ValueError(f"metrics over different numbers of videos: {sorted(videos)}")
    (count,) = videos
    if not count:
        return np.full((len(statistics), RESAMPLES), np.nan)
    columns = np.concatenate([each.sums.transpose(1, 0, 2).reshape(count, -1) for each in statistics], axis=1)
    rows: list[list[Floats]] = [[] for _ in statistics]
    for size in chunks(count):
        places = rng.integers(0, count, (size, count)) + np.arange(size)[:, None] * count
        weights = np.bincount(places.ravel(), minlength=size * count).reshape(size, count).astype(np.float64)
        sums, at = weights @ columns, 0
        for row, statistic in zip(rows, statistics, strict=True):
            runs, _, width = statistic.sums.shape
            values = statistic.at(sums[:, at : at + runs * width].reshape(size, runs, width))
            row.append(mean_of_runs(values))
            at += runs * width
    return np.stack([np.concatenate(row) for row in rows])


def mean_of_runs(values: Floats) -> Floats:
    """The mean over the runs, (..., R) to (...), without NaN; NaN where all values are NaN."""
    defined = ~np.isnan(values)
    return _ratio(np.stack([np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1)], axis=-1))


def _interval(statistic: Statistic, replicates: Floats, expand: bool) -> Interval:
    value = float(mean_of_runs(statistic.at(statistic.sums.sum(axis=1))))  # runs without a value are left out
    kept = replicates[~np.isnan(replicates)]  # a draw in which no video has the metric tells nothing about it
    videos = statistic.videos
    if math.isnan(value) or videos < 2 or not kept.size:
        return Interval(value, math.nan, math.nan)
    without = leave_one_out(statistic)
    bias = _bias(kept, value)
    skew = _acceleration(mean_of_runs(without))
    tail = (1 + CONFIDENCE) / 2
    z = _NORMAL.inv_cdf(tail)
    if expand:
        z = float(stdtrit(videos - 1, tail)) * math.sqrt(videos / (videos - 1))
    low, high = np.quantile(kept, [_corrected(-z, bias, skew), _corrected(z, bias, skew)])
    over_videos = Span(min(float(low), value), max(float(high), value))
    spread = statistic.spread or spread_of(statistic.at(statistic.sums.sum(axis=1)), without, videos)
    return Interval(value, *with_runs(value, over_videos, spread, tail, statistic.span))


def _bias(replicates: Floats, value: float) -> float:
    """BCa's z0: the place of the value among its replicates. Replicates that equal it, up to rounding, count half."""
    near = 1e-12 * max(1.0, abs(value))
    below = float((replicates < value - near).mean())
    same = float((np.abs(replicates - value) <= near).mean())
    share = below + same / 2
    return _NORMAL.inv_cdf(share) if 0 < share < 1 else 0.0


def leave_one_out(statistic: Statistic) -> Floats:
    """(V, R): the value of each run without each video."""
    sums = statistic.sums
    return statistic.at((sums.sum(axis=1, keepdims=True) - sums).transpose(1, 0, 2))


def _acceleration(without: Floats) -> float:
    """BCa's a: the skewness of the leave-one-out values (V,), sum u^3 / (6 (sum u^2)^1.5)."""
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
    """The percentile of the replicates that corresponds to the normal quantile `z`."""
    below = 1 - skew * (bias + z)
    return _NORMAL.cdf(bias + (bias + z) / below) if below > 0 else float(bias + z > 0)
