"""The interval of a row whose values are means over random draws, such as the floor of random scores.

Many draws make such a mean exact, and with it the interval over videos ever narrower: for a metric whose true floor is
the same for every video (0 for a rank correlation) it holds the floor of another seed in about 83 % of cases only,
however many draws there are, because floor and interval shrink alike. A system is no mean over draws: it answers once.
So the interval here is that of a random system. Each resample draws videos with replacement, and for every drawn video
one of its draws. Its ends are quantiles, with tails expanded for few videos as in bootstrap.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist

import numpy as np
from scipy.special import stdtrit

from evaluation.cases import Floats
from evaluation.uncertainty.bootstrap import CONFIDENCE, Interval, chunks
from schemas.documents.evaluation import MetricValue


def interval_of_draws(draws: Floats, seed: int) -> Interval:
    """Value and 95 % interval from the values (V, D) of D draws for each of V videos; NaN is undefined.

    The value is the mean over videos of the mean of a video's defined draws; videos without any are left out. The ends
    are NaN with fewer than two videos. `seed` decides the resamples.
    """
    known = draws[~np.isnan(draws).all(axis=1)]
    videos = len(known)
    if not videos:
        return Interval(math.nan, math.nan, math.nan)
    value = float(np.nanmean(known, axis=1).mean())
    if videos < 2:
        return Interval(value, math.nan, math.nan)
    rng = np.random.default_rng([seed, 2])
    means = []
    for size in chunks(videos):
        drawn = known[rng.integers(0, videos, (size, videos)), rng.integers(0, known.shape[1], (size, videos))]
        defined = ~np.isnan(drawn)
        count = defined.sum(axis=1)
        means.append((np.where(defined, drawn, 0.0).sum(axis=1) / np.maximum(count, 1))[count > 0])
    tail = (1 + CONFIDENCE) / 2
    share = NormalDist().cdf(float(stdtrit(videos - 1, tail)) * math.sqrt(videos / (videos - 1)))
    low, high = np.quantile(np.concatenate(means), [1 - share, share])
    return Interval(value, min(float(low), value), max(float(high), value))


def with_intervals_of_draws(
    metrics: Sequence[MetricValue], draws: Mapping[str, Floats], seed: int
) -> tuple[MetricValue, ...]:
    """The metrics with the intervals of `interval_of_draws` for those that `draws` has; the values stay."""
    made = []
    for metric in metrics:
        if metric.name in draws and metric.low is not None:
            _, low, high = interval_of_draws(draws[metric.name], seed)
            metric = metric.model_copy(update={"low": low, "high": high})
        made.append(metric)
    return tuple(made)
