"""The document of a comparison of two systems: frozen, versioned records, from which tables are made."""

from __future__ import annotations

from typing import Literal

from schemas.records import Record

COMPARISON_VERSION: Literal[1] = 1


class MetricComparison(Record):
    """One metric of two systems over the `videos` that have it in both systems. Higher is better in every metric.

    `difference`: the second system minus the first; `low` and `high`: the ends of its 95 % paired bootstrap interval,
    not adjusted for the number of metrics. `p`: of the two-sided paired permutation test; `exact`: all exchanges were
    tried; `p_holm`: p adjusted for all metrics of the comparison. `wins`: videos where the second system is better.
    `undefined`: videos left out because one system has no value. `reason`: why there is no comparison.
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
    """Two systems on the same videos, under one protocol. `only_first`, `only_second`: videos of one system only."""

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
