"""The second level of the hierarchical bootstrap: what several runs of one system add to the interval over videos.

The value is the mean over R runs, which share their videos. Its variance has a part from the videos, which the
bootstrap over videos gives, and a part from the runs, such as the seeds of a training. To draw R = 2 runs with
replacement gives three different means, none outside the two runs: where runs differ much, such an interval holds the
truth in half of the cases. So the runs are not drawn. Their part is an interval of Student's t with R - 1 degrees of
freedom, from the variance

    s^2 / R - n        s: standard deviation of the R values; n: what chance in the videos alone adds to s^2 / R

The parts are combined by the method of variance estimates recovery (G. Zou and A. Donner, "Construction of confidence
limits about effect measures: a general approach", Statistics in Medicine 27, 2008): with the ends u1 and u2 of the
parts, the end of both is at the distance sqrt((u1 - x)^2 + (u2 - x)^2) from the value x.

Distances are taken on the logit of the place of x within the range of its unit, where s becomes s times the derivative
at x. So no end leaves the range, however few runs there are. docs/results/intervals.md has the coverage by simulation.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit, stdtrit

from evaluation.cases import Floats


class Span(NamedTuple):
    """The lowest and the highest value of a range, both included."""

    lowest: float
    highest: float


class Spread(NamedTuple):
    """The variance that the runs add to their mean, and its degrees of freedom."""

    variance: float
    freedom: float


UNBOUNDED = Span(-math.inf, math.inf)


def spread_of(runs: Floats, without: Floats, videos: int) -> Spread:
    """s^2 / R - n, not below 0, from the values (R,) of the runs and their values without each video (V, R).

    n is the jackknife's variance of what the videos give each run apart from the mean of the runs. `videos`: how many
    have the metric. Runs without a value are left out; fewer than two runs tell nothing, and their spread counts as 0.
    """
    known = ~np.isnan(runs)
    count = int(known.sum())
    if count < 2:
        return Spread(0.0, 1.0)
    rows = without[:, known]
    rows = rows[~np.isnan(rows).any(axis=1)]
    apart = rows - rows.mean(axis=1, keepdims=True)
    noise = (
        (videos - 1) * float(apart.var(axis=0).sum()) * len(rows) / videos / (count * (count - 1)) if len(rows) else 0
    )
    return Spread(max(0.0, float(np.var(runs[known], ddof=1)) / count - noise), count - 1.0)


def of_difference(first: Spread, second: Spread) -> Spread:
    """The spread of the difference of two systems, with the degrees of freedom of B. Welch (Biometrika 34, 1947)."""
    total = first.variance + second.variance
    parts = first.variance**2 / first.freedom + second.variance**2 / second.freedom
    return Spread(total, total**2 / parts) if parts > 0 else Spread(0.0, 1.0)


def with_runs(value: float, over_videos: Span, spread: Spread, tail: float, span: Span) -> Span:
    """The interval over videos with the part of the runs: never narrower, always within `span`.

    `tail`: the share below the upper end, such as 0.975. Without bounds distances are taken on the values themselves.
    """
    low, high = over_videos
    width = span.highest - span.lowest
    at = (value - span.lowest) / width if math.isfinite(width) else 0.5
    # A mean at the end of the range: all runs are there.
    if not spread.variance > 0 or not 0 < at < 1:
        return over_videos
    own = float(stdtrit(spread.freedom, tail)) * math.sqrt(spread.variance)
    if math.isinf(width):
        return Span(value - math.hypot(value - low, own), value + math.hypot(high - value, own))
    own /= width * at * (1 - at)
    centre = float(logit(at))
    below, above = (abs(float(logit(min(max((end - span.lowest) / width, 0.0), 1.0))) - centre) for end in over_videos)
    ends = (centre - math.hypot(below, own), centre + math.hypot(above, own))
    wider = [span.lowest + width * float(expit(end)) for end in ends]
    return Span(min(low, wider[0]), max(high, wider[1]))
