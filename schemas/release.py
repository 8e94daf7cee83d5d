"""The manifest of a release: its version, its files, its configurations, and what people said of it.

Like that of an export it holds no wall-clock time and no path of the machine: equal ledgers give equal bytes.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from schemas.documents.review_report import ReviewFindings
from schemas.manifest import Manifest
from schemas.records import Record, Sha256
from schemas.splits import SplitReport


class ConfigurationSplit(Record):
    """Rows and Parquet files of one split of a configuration; splits without rows are not listed."""

    split: Annotated[str, Field(pattern=r"^[a-z]+$")]
    rows: int = Field(ge=1)
    shards: int = Field(ge=1)


class ConfigurationCount(Record):
    """A configuration and its splits, which lie in `NAME/SPLIT-NNNNN-of-NNNNN.parquet`; none without rows."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    splits: tuple[ConfigurationSplit, ...]


class ReviewFigures(ReviewFindings):
    """How much of a release people have checked: `unreviewed` of its `samples` have no verdict that counts.

    `errors` is the label-error rate of what the models made, as the random stratum of the review measured it.
    """

    samples: int
    unreviewed: int

    @property
    def unreviewed_share(self) -> float:
        """The share of unreviewed samples, 0 without samples."""
        return self.unreviewed / self.samples if self.samples else 0.0


class ReleaseManifest(Manifest):
    """The contents of a release's `manifest.json`: `files` are all other files, sorted by path.

    `version` is a semantic version. `made_from` is the SHA-256 of everything that the release depends on: two releases
    with one value have the same rows. `splits` and `samples` are those of the configuration `default`;
    `split_report` says how the splits were made; `v2xum release` always writes it.
    """

    version: str
    made_from: Sha256
    configurations: tuple[ConfigurationCount, ...]
    review: ReviewFigures
    split_report: SplitReport | None = None
