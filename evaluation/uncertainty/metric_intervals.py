"""The metrics of a system with their 95 % intervals, from its values by video."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from evaluation.cases import Floats
from evaluation.uncertainty.bootstrap import Statistic, corpus_of, intervals, mean_of
from schemas.evaluation import MetricValue, VideoValues

CorpusMetrics = Mapping[str, Callable[[Floats], Floats]]
"""Metrics that are no means over videos: the function of their summed `VideoValues.sums`, (..., K) to (...)."""


def metric_value(
    name: str,
    unit: str,
    values: Sequence[float | None] | Sequence[Sequence[float | None]],
    reasons: Sequence[str | None] = (),
    *,
    seed: int = 0,
    reason: str | None = None,
) -> MetricValue:
    """One metric of one system: the mean of `values` over videos, with its interval. See `Column`."""
    return metric_values([column(name, unit, values, reasons, reason=reason)], seed)[0]


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A metric of one system before its interval is known; `undefined` and `reason` as in MetricValue."""

    name: str
    unit: str
    statistic: Statistic
    undefined: dict[str, int]
    reason: str | None = None


def column(
    name: str,
    unit: str,
    values: Sequence[float | None] | Sequence[Sequence[float | None]],
    reasons: Sequence[str | None] = (),
    *,
    reason: str | None = None,
) -> Column:
    """A metric that is a mean over videos: one value a video, or such a row for each of several runs.

    None and NaN are undefined: left out of their run's mean and counted, a video once, under its entry in `reasons`
    (one a video; "undefined" where there is none). With several runs, a video that only some of them left undefined is
    counted under "in some runs: ...". `reason`: why there is no value at all, which then stands for all videos. Raises
    ValueError for infinite values and rows of different lengths.
    """
    rows = [values] if not values or not isinstance(values[0], (list, tuple, np.ndarray)) else values
    table = np.array([[math.nan if v is None else v for v in row] for row in rows], np.float64)  # type: ignore[union-attr]
    statistic = mean_of(table)
    gone = np.isnan(table)
    counted: Counter[str] = Counter()
    for i in np.flatnonzero(gone.any(axis=0)).tolist():
        why = (reasons[i] if i < len(reasons) else None) or "undefined"
        counted[why if gone[:, i].all() else f"in some runs: {why}"] += 1
    return Column(name, unit, statistic, dict(counted), reason)


def metric_values(columns: Sequence[Column], seed: int) -> tuple[MetricValue, ...]:
    """The metrics of one system with their intervals, all from the same draws of videos (deterministic by `seed`)."""
    found = intervals([one.statistic for one in columns], seed)
    values = []
    for one, interval in zip(columns, found, strict=True):
        value, low, high = (None if math.isnan(end) else end for end in interval)
        why = one.reason or ("undefined for every video" if value is None else None)
        partly = sum(count for text, count in one.undefined.items() if text.startswith("in some runs: "))
        values.append(
            MetricValue(
                name=one.name,
                unit=one.unit,
                value=value,
                low=low,
                high=high,
                videos=one.statistic.videos - partly,
                undefined={} if one.reason else one.undefined,
                reason=why,
            )
        )
    return tuple(values)


def summarize(
    units: Mapping[str, str],
    runs: Sequence[Sequence[VideoValues]],
    seed: int,
    *,
    corpus: CorpusMetrics = MappingProxyType({}),
    missing: Mapping[str, str] = MappingProxyType({}),
) -> tuple[MetricValue, ...]:
    """Every metric of one system, in the order of `units` (name to unit), from its videos in one run or several.

    `missing`: why a metric was not computed. A metric that a video does not name, in `values` or for a metric of
    `corpus` in `sums`, is undefined there ("not computed"). Raises ValueError when the runs' videos differ.
    """
    ids = [[video.id for video in run] for run in runs]
    if any(one != ids[0] for one in ids):
        raise ValueError("the runs of a system need the same videos in the same order")
    columns = []
    for name, unit in units.items():
        there = [
            [name in video.sums if name in corpus else video.values.get(name) is not None for video in run]
            for run in runs
        ]
        reasons = [_why([run[i] for run in runs], name) for i in range(len(ids[0]) if ids else 0)]
        rows = [
            [(video.values.get(name) or 0.0) if ok else None for video, ok in zip(*pair, strict=True)]
            for pair in zip(runs, there, strict=True)
        ]
        made = column(name, unit, rows, reasons, reason=missing.get(name))
        if name in corpus and any(name in video.sums for run in runs for video in run):
            made = replace(made, statistic=corpus_of(np.stack([sums_of(run, name) for run in runs]), corpus[name]))
        columns.append(made)
    return metric_values(columns, seed)


def sums_of(videos: Sequence[VideoValues], name: str) -> Floats:
    """(V, K): the sums of a corpus metric by video, NaN where a video has none. Raises ValueError for unlike K."""
    widths = {len(video.sums[name]) for video in videos if name in video.sums}
    if len(widths) > 1:
        raise ValueError(f"{name}: videos with {sorted(widths)} sums")
    nothing = [math.nan] * max(widths, default=1)
    return np.array([video.sums.get(name, nothing) for video in videos], np.float64).reshape(len(videos), -1)


def _why(videos: Sequence[VideoValues], name: str) -> str | None:
    for video in videos:
        if video.values.get(name) is None and name not in video.sums:
            return video.undefined.get(name, "not computed" if name not in video.values else "undefined")
    return None
