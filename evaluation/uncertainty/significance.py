"""Tests whether two systems differ on the same videos: paired intervals, permutation tests, Holm's correction.

The paired permutation test (E. Noreen, "Computer-intensive methods for testing hypotheses", 1989) exchanges the two
systems' results of some videos. It tries all exchanges where there are at most 10,000, else 10,000 random exchanges
with p = (1 + hits) / (1 + draws), which is never 0 (B. Phipson and G. Smyth, Statistical Applications in Genetics and
Molecular Biology 9, 2010). For a mean this is the sign-flip test of the differences. Corpus metrics are recomputed from
their sums.

A system may have several runs. The difference is that of the means over runs, and its interval has the part of both
systems' runs (runs.py). The test exchanges a video's sums, each the mean over the runs: it compares these runs, and
says nothing of others.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from evaluation.cases import Flags, Floats
from evaluation.uncertainty.bootstrap import (
    RESAMPLES,
    Interval,
    Statistic,
    chunks,
    intervals,
    leave_one_out,
    mean_of_runs,
)
from evaluation.uncertainty.runs import Span, of_difference, spread_of

TEST = f"two-sided paired permutation over videos, exact up to {RESAMPLES:,} ways, else {RESAMPLES:,} draws"


class Paired(NamedTuple):
    """The second system minus the first: the difference with its 95 % interval, and the two-sided p of the test.

    `exact`: all exchanges were tried. `videos`: how many have the metric in both systems.
    """

    difference: Interval
    p: float
    exact: bool
    videos: int


def paired(pairs: Sequence[tuple[Statistic, Statistic]], seed: int) -> list[Paired]:
    """Compare two systems in each metric.

    The two statistics of a pair have the same `of` and the same videos in the same order, and any number of runs each.
    A video that is left out of one must be left out of the other (`defined_in_both`). Without videos all results are
    NaN, also p.
    """
    joined = [_difference(first, second) for first, second in pairs]
    changes = intervals(joined, seed)
    pairs = [(_pooled(first), _pooled(second)) for first, second in pairs]
    observed = [_observed(*pair) for pair in pairs]
    ps: dict[int, float] = {}
    for i, (first, second) in enumerate(pairs):
        moving = np.flatnonzero((first.sums != second.sums).any(axis=(0, 2)))
        if len(moving) <= math.log2(RESAMPLES):
            ways = (np.arange(2 ** len(moving))[:, None] >> np.arange(len(moving))) & 1
            moved = ways.astype(np.float64) @ (second.sums - first.sums)[0, moving]
            ps[i] = float(_hits(_swapped(first, second, moved), observed[i]).mean())
    drawn = _drawn({i: pair for i, pair in enumerate(pairs) if i not in ps}, observed, seed)
    return [
        Paired(change, math.nan if math.isnan(change.value) else (ps | drawn)[i], i in ps, joined[i].videos)
        for i, change in enumerate(changes)
    ]


def defined_in_both(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Values (V,) or (R, V) of two systems, with NaN in both for a video that no run of one of them defines."""
    missing = np.isnan(np.atleast_2d(first)).all(axis=0) | np.isnan(np.atleast_2d(second)).all(axis=0)
    return np.where(missing, np.nan, first), np.where(missing, np.nan, second)


def holm(ps: Sequence[float | None]) -> list[float | None]:
    """Adjust p values for their number (S. Holm, Scandinavian Journal of Statistics 6, 1979). None stays None."""
    known = sorted((p, i) for i, p in enumerate(ps) if p is not None)
    adjusted: list[float | None] = [None] * len(ps)
    highest = 0.0
    for rank, (p, i) in enumerate(known):
        highest = max(highest, min(1.0, (len(known) - rank) * p))
        adjusted[i] = highest
    return adjusted


def _difference(first: Statistic, second: Statistic) -> Statistic:
    """The difference of the means over runs, as one statistic of the sums of all runs side by side: (1, V, all)."""
    if first.sums.shape[1:] != second.sums.shape[1:]:
        raise ValueError("both systems need the same videos and statistics")
    (runs, videos, width), others = first.sums.shape, second.sums.shape[0]
    sides = [each.sums.transpose(1, 0, 2).reshape(1, videos, -1) for each in (first, second)]

    def mean(sums: Floats, count: int) -> Floats:
        return mean_of_runs(first.of(sums.reshape(*sums.shape[:-1], count, width)))

    def difference(sums: Floats) -> Floats:
        return mean(sums[..., runs * width :], others) - mean(sums[..., : runs * width], runs)

    both = min(first.videos, second.videos)
    spread = of_difference(
        *(spread_of(each.at(each.sums.sum(axis=1)), leave_one_out(each), max(both, 1)) for each in (first, second))
    )
    reach = first.span.highest - first.span.lowest
    return Statistic(np.concatenate(sides, axis=2), difference, both, Span(-reach, reach), spread)


def _pooled(statistic: Statistic) -> Statistic:
    """One run with the mean of the runs' sums."""
    return replace(statistic, sums=statistic.sums.mean(axis=0, keepdims=True))


def _observed(first: Statistic, second: Statistic) -> float:
    return float((second.at(second.sums.sum(axis=1)) - first.at(first.sums.sum(axis=1)))[0])


def _drawn(pairs: Mapping[int, tuple[Statistic, Statistic]], observed: Sequence[float], seed: int) -> dict[int, float]:
    """The p value of each pair from random exchanges. One matrix product applies the same exchanges to all pairs."""
    if not pairs:
        return {}
    rng = np.random.default_rng([seed, 2])
    changes = np.concatenate([(second.sums - first.sums)[0] for first, second in pairs.values()], axis=1)
    hits = dict.fromkeys(pairs, 0)
    for count in chunks(len(changes)):
        moved, at = rng.integers(0, 2, (count, len(changes)), np.int8).astype(np.float64) @ changes, 0
        for i, (first, second) in pairs.items():
            width = first.sums.shape[2]
            hits[i] += int(_hits(_swapped(first, second, moved[:, at : at + width]), observed[i]).sum())
            at += width
    return {i: (1 + count) / (1 + RESAMPLES) for i, count in hits.items()}


def _swapped(first: Statistic, second: Statistic, moved: Floats) -> Floats:
    """The differences after n exchanges. `moved` (n, K): what each takes from the second system's sums."""
    differences: Floats = second.at(second.sums[0].sum(axis=0) - moved) - first.at(first.sums[0].sum(axis=0) + moved)
    return differences


def _hits(differences: Floats, observed: float) -> Flags:
    """Flags of the differences that are at least as far from 0 as the observed difference, up to rounding."""
    return np.abs(differences) >= abs(observed) * (1 - 1e-9) - 1e-12
