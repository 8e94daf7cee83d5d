"""How bad the audit of a sample is among others: the rank of the score in which it is worst.

A rank makes scores of different scales comparable. The samples that people judge and `v2xum list` use it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from schemas.audit import GOOD


class Rank(NamedTuple):
    """The share of all samples (0..1) that are at least as bad in the score `name`, in which the sample is worst.

    The sample itself is one of them. A score that all samples share says nothing: its rank is 1.
    """

    share: float
    name: str
    value: float


def ranks(scores: Mapping[str, Mapping[str, float]]) -> dict[str, Rank]:
    """The rank of every sample with a score of `schemas.audit.GOOD`, by id; `scores` are those of all samples."""
    columns: dict[str, list[float]] = {}
    for found in scores.values():
        for name, badness in _badness(found):
            columns.setdefault(name, []).append(-badness)
    for column in columns.values():
        column.sort()
    made = {}
    for sample, found in scores.items():
        of_scores = [
            Rank(bisect_right(columns[name], -badness) / len(columns[name]), name, found[name])
            for name, badness in _badness(found)
        ]
        if of_scores:
            made[sample] = min(of_scores)
    return made


def _badness(scores: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    """The names of the scores, and how bad they are: larger is worse."""
    for name, value in scores.items():
        if name in GOOD:
            yield name, value if GOOD[name] == "low" else -value
