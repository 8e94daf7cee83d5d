"""The figures of the study of splits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Point(NamedTuple):
    """Precision and recall of pairs in one cluster, at a threshold of the correlation."""

    threshold: float
    precision: float
    recall: float


class Quality(NamedTuple):
    """What was found in the planted set: overall at the threshold of the splits, by kind, and the curve.

    `weakest_copy` and `strongest_other`: the correlations next to the threshold, of pairs that have nearly all of the
    shorter video in common.
    """

    videos: int
    copies: int
    looked_at: int
    precision: float
    recall: float
    by_kind: Mapping[str, tuple[int, int]]
    curve: tuple[Point, ...]
    weakest_copy: float
    strongest_other: float
    cpu_seconds: float


class Speed(NamedTuple):
    """The search for copies among many videos; `times_faster` than exhaustive search, with equal answers."""

    videos: int
    hashes: int
    questions: int
    planted: int
    found: int
    cpu_seconds: float
    wall_seconds: float
    times_faster: float
