"""What a comparison of two evaluations is written down as: frozen, versioned; tables are made from it."""

from __future__ import annotations

from typing import Literal

from schemas.records import Record

COMPARISON_VERSION: Literal[1] = 1


class MetricComparison(Record):
    """One metric of two systems over the `videos` where both have it; in all metrics more is better.

    `difference` is second less first, `low` and `high` the ends of its 95 % paired bootstrap interval (not adjusted for
    the number of metrics). `p`: two-sided paired permutation test, `exact` when all exchanges were tried; `p_holm`:
    adjusted for all metrics of the comparison. `wins`: videos where the second is better. `undefined`: videos left out
    because one of them has no value. `reason`: why there is no comparison.
    """

    name: str
    unit: str
    first: float | None
    second: float | None
    difference: float | None
    low: float | None
    high: float | None
    p: float | None
    p_holm: float | None
    exact: bool
    wins: int
    ties: int
    losses: int
    videos: int
    undefined: int
    reason: str | None = None


class Comparison(Record):
    """Two systems on the same videos, by the same protocol. `only_first`, `only_second`: videos the other lacks."""

    version: Literal[1] = COMPARISON_VERSION
    first: str
    second: str
    protocol: str
    references: str
    references_sha256: str
    clip: str | None
    text_unit: str | None
    metrics: tuple[MetricComparison, ...]
    videos: int
    only_first: int
    only_second: int
    interval: str
    test: str
    seed: int
