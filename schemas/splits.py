"""What is known of a release's splits: near duplicates, groups, shares, conflicts, and videos of known benchmarks."""

from __future__ import annotations

from typing import Literal

from schemas.manifest import SplitName
from schemas.records import Record


class NearDuplicate(Record):
    """Two videos of which one is a copy of the other: re-encoded, cropped, mirrored, trimmed or uploaded again.

    Frame i of `first` is frame i + `offset` of `second`. `correlation` is that of their pictures over space and time,
    over `common` frames. `crop`: shares of the first picture that the second lacks at left, right, top and bottom;
    negative where the second shows more.
    """

    first: str
    second: str
    correlation: float
    common: int
    offset: int
    mirrored: bool
    crop: tuple[float, float, float, float]


class SplitConflict(Record):
    """Rows of one near-duplicate cluster or of one channel that earlier releases put into different splits."""

    kind: Literal["near duplicates", "channel"]
    rows: dict[SplitName, tuple[str, ...]]


class BenchmarkHit(Record):
    """A video that is one of a known benchmark's: by its id, by its title (look at it), or by its pictures."""

    benchmark: str
    known_as: str
    id: str
    split: SplitName
    by: Literal["id", "title", "pictures"]


class BenchmarkCount(Record):
    """A list that the videos were compared with: its ids, titles and video files."""

    name: str
    ids: int
    titles: int
    files: int


class SplitFigure(Record):
    """The rows of one split, and the share that was asked for."""

    split: SplitName
    rows: int
    share: float
    wanted: float


class Stratum(Record):
    """The rows of one duration band and category in each split."""

    name: str
    rows: dict[SplitName, int]


class SplitReport(Record):
    """How the splits were made.

    `compared`: videos with a fingerprint; `not_compared` names the others, whose pictures could not be read.
    `looked_at`: pairs that were compared more closely; `duplicates`: those that are copies; `unresolved`: those that
    look alike but whose pictures could not be read, so they stay together. A cluster has at least two videos. A group
    (clusters and channels that hang together) lies in one split, `largest_group` counts its rows. `frozen`: rows that
    an earlier release published; `followed`: new rows that went where their published copy or channel is.
    """

    rule: int
    videos: int
    compared: int
    not_compared: tuple[str, ...]
    common_hashes: int
    looked_at: int
    duplicates: tuple[NearDuplicate, ...]
    unresolved: tuple[tuple[str, str], ...]
    clusters: tuple[tuple[str, ...], ...]
    groups: int
    largest_group: int
    channels: int
    frozen: int
    followed: int
    splits: tuple[SplitFigure, ...]
    strata: tuple[Stratum, ...]
    conflicts: tuple[SplitConflict, ...]
    benchmarks: tuple[BenchmarkCount, ...]
    benchmark_hits: tuple[BenchmarkHit, ...]
