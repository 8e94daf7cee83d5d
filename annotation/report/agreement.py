"""Measures how far annotators agree: Krippendorff's alpha, keyframe F1 and text distance, with bootstrap intervals.

A unit is a sample with one content. The bootstrap draws whole units with replacement, because verdicts on one unit
depend on each other. The percentiles are widened for few units, as curation.plan.intervals describes. The package
`krippendorff` computes the alpha: K. Krippendorff, "Content Analysis", 3rd ed. (2013), chapter 12.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from itertools import combinations
from typing import Literal, TypeVar

import krippendorff
import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from curation.plan.intervals import interval
from schemas.documents.review_report import Estimate

REPLICATES = 1_000
V = TypeVar("V", bound=Hashable)
Level = Literal["nominal", "ordinal"]


def alpha(
    ratings: Sequence[Mapping[str, V]],
    domain: Sequence[V],
    level: Level,
    *,
    seed: int = 0,
    replicates: int = REPLICATES,
) -> Estimate:
    """Krippendorff's alpha with its interval.

    `ratings`: for each unit the value that each annotator gave, by annotator; annotators who did not judge the unit are
    not in it. `domain`: all possible values, ascending for an ordinal scale. The estimate's `of` counts the units with
    two or more values. Its value is None where alpha is not defined: without such units, or when all values are equal.
    Raises ValueError for a value outside the domain.
    """
    counts = _counts(ratings, domain)
    counts = counts[counts.sum(axis=1) >= 2]
    value = _alpha(counts, level)
    if value is None:
        return Estimate(of=len(counts))
    rng = np.random.default_rng(seed)
    drawn = (_alpha(counts[rng.integers(0, len(counts), len(counts))], level) for _ in range(replicates))
    return _estimate(value, [again for again in drawn if again is not None], len(counts), -1.0, replicates)


def keyframe_f1(first: Collection[int], second: Collection[int]) -> float:
    """F1 of two sets of frame indices (0..1), symmetric; 1 when both are empty."""
    a, b = set(first), set(second)
    return 2 * len(a & b) / (len(a) + len(b)) if a or b else 1.0


def text_distance(first: str, second: str) -> float:
    """The Levenshtein distance in characters, divided by the length of the longer text (0..1)."""
    return Levenshtein.normalized_distance(first, second)


def paired(
    units: Sequence[Mapping[str, V]], compare: Callable[[V, V], float], *, seed: int = 0, replicates: int = REPLICATES
) -> Estimate:
    """The mean of `compare` (0..1) over all pairs of annotators of a unit, then over units, with its interval.

    `units`: for each unit a value of each annotator, by annotator. The estimate's `of` counts the units with a pair.
    """
    means = [
        float(np.mean([compare(unit[a], unit[b]) for a, b in combinations(sorted(unit), 2)]))
        for unit in units
        if len(unit) >= 2
    ]
    return mean(means, seed=seed, replicates=replicates)


def mean(values: Sequence[float], *, seed: int = 0, replicates: int = REPLICATES) -> Estimate:
    """The mean of values between 0 and 1, with its bootstrap interval; an empty estimate without values."""
    if not values:
        return Estimate()
    numbers = np.asarray(values, dtype=np.float64)
    rng = np.random.default_rng(seed)
    drawn = [float(rng.choice(numbers, len(numbers)).mean()) for _ in range(replicates)]
    return _estimate(float(numbers.mean()), drawn, len(numbers), 0.0, replicates)


def _estimate(value: float, drawn: Sequence[float], of: int, least: float, replicates: int) -> Estimate:
    """An estimate; it has an interval with two units or more and when at least half of the replicates are defined."""
    if of < 2 or 2 * len(drawn) < replicates:
        return Estimate(value=round(value, 4), of=of)
    shifted = interval(value - least, np.asarray(drawn) - least, of)
    low, high = shifted.low + least, min(shifted.high + least, 1.0)
    return Estimate(value=round(value, 4), low=round(low, 4), high=round(high, 4), of=of)


def _counts(ratings: Sequence[Mapping[str, V]], domain: Sequence[V]) -> NDArray[np.float64]:
    """How often each value was given to each unit [unit, value]. Raises ValueError for a value outside the domain."""
    places = {value: place for place, value in enumerate(domain)}
    counts = np.zeros((len(ratings), len(domain)))
    for row, unit in enumerate(ratings):
        for value in unit.values():
            if value not in places:
                raise ValueError(f"{value!r} is not in {list(domain)}")
            counts[row, places[value]] += 1
    return counts


def _alpha(counts: NDArray[np.float64], level: Level) -> float | None:
    if not len(counts) or np.count_nonzero(counts.sum(axis=0)) < 2:
        return None
    return float(krippendorff.alpha(value_counts=counts, level_of_measurement=level))
