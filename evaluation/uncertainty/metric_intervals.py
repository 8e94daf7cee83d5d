"""The metrics of a system with their 95 % intervals, made from its values by video."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from evaluation.cases import Floats
from evaluation.uncertainty.bootstrap import Statistic, corpus_of, intervals, mean_of
from evaluation.uncertainty.runs import Span
from evaluation.units import KNOWN_UNITS
from schemas.documents.evaluation import MetricValue, VideoValues

IN_SOME_RUNS = "in some runs: "  # begins the reason of videos that have a value in some of several runs only
CorpusMetrics = Mapping[str, Callable[[Floats], Floats]]
"""For metrics that are not means over videos, the function from summed `VideoValues.sums`, (..., K), to values, (...).
"""


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A metric of one system before its interval is computed; `undefined` and `reason` as in MetricValue."""

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
    """A metric that is a mean over videos, from one value for each video, or from one such row for each run.

    None and NaN are undefined: they are left out of their run's mean. Each such video is counted once, under its entry
    in `reasons` (one for each video; "undefined" where the entry is missing or None). A video that is undefined in some
    of several runs only is counted under "in some runs: ...". `reason`: why the metric has no value at all; it then
    replaces the reasons of the videos. Raises ValueError for infinite values and for rows of different lengths.
    """
    rows = [values] if not values or not isinstance(values[0], (list, tuple, np.ndarray)) else values
    table = np.array([[math.nan if v is None else v for v in row] for row in rows], np.float64)  # type: ignore[union-attr]
    statistic = mean_of(table, span_of(unit))
    missing = np.isnan(table)
    counted: Counter[str] = Counter()
    for i in np.flatnonzero(missing.any(axis=0)).tolist():
        why = (reasons[i] if i < len(reasons) else None) or "undefined"
        counted[why if missing[:, i].all() else f"{IN_SOME_RUNS}{why}"] += 1
    return Column(name, unit, statistic, dict(counted), reason)


def span_of(unit: str) -> Span:
    """The values that a metric of this unit can have. Raises KeyError for a unit that does not exist."""
    return Span(KNOWN_UNITS[unit].lowest, KNOWN_UNITS[unit].highest)


def metric_values(columns: Sequence[Column], seed: int) -> tuple[MetricValue, ...]:
    """The metrics of one system with their intervals, all from the same draws of videos. `seed` decides the draws."""
    values = []
    for metric, interval in zip(columns, intervals([metric.statistic for metric in columns], seed), strict=True):
        value, low, high = (None if math.isnan(end) else end for end in interval)
        why = metric.reason or ("undefined for every video" if value is None else None)
        partly = sum(count for text, count in metric.undefined.items() if text.startswith(IN_SOME_RUNS))
        values.append(
            MetricValue(
                name=metric.name,
                unit=metric.unit,
                value=value,
                low=low,
                high=high,
                videos=metric.statistic.videos - partly,
                undefined={} if metric.reason else metric.undefined,
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
    """Every metric of one system, in the order of `units` (name to unit), from the videos of one run or several.

    `missing`: by metric, why it was not computed. A metric is undefined for a video ("not computed") where `values`
    does not have it, or for a metric of `corpus` where `sums` does not have it. Raises ValueError when the runs' videos
    differ.
    """
    ids = [[video.id for video in run] for run in runs]
    if any(run_ids != ids[0] for run_ids in ids):
        raise ValueError("the runs of a system need the same videos in the same order")
    columns = []
    for name, unit in units.items():
        defined = [
            [name in video.sums if name in corpus else video.values.get(name) is not None for video in run]
            for run in runs
        ]
        reasons = [_why([run[i] for run in runs], name) for i in range(len(ids[0]) if ids else 0)]
        rows = [
            [(video.values.get(name) or 0.0) if ok else None for video, ok in zip(*pair, strict=True)]
            for pair in zip(runs, defined, strict=True)
        ]
        metric = column(name, unit, rows, reasons, reason=missing.get(name))
        if name in corpus and any(name in video.sums for run in runs for video in run):
            sums = np.stack([sums_of(run, name) for run in runs])
            metric = replace(metric, statistic=corpus_of(sums, corpus[name], span_of(unit)))
        columns.append(metric)
    return metric_values(columns, seed)


def sums_of(videos: Sequence[VideoValues], name: str) -> Floats:
    """The sums of a corpus metric by video, (V, K), NaN where a video has none. Raises ValueError where K differs."""
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
