"""The manifest of a release: its version, its files, its configurations, and what people said of it.

Like that of an export it holds no wall-clock time and no path of the machine: equal ledgers give equal bytes.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, field_validator

from schemas.documents.review_report import ReviewFindings
from schemas.manifest import Manifest
from schemas.records import Record, Sha256
from schemas.splits import SplitReport

FormatName = Literal["llamafactory", "ms-swift", "trl", "v2xum-llm", "videoxum"]
Task = Literal["v2v", "v2t", "v2vt"]
Inputs = Literal["videos", "frames"]
Times = Literal["seconds", "slots"]


class FormatChoice(Record):
    """Which trainers' formats a release holds (`formats/NAME`), and in which form.

    `inputs`: what LLaMA-Factory and ms-swift read, videos of a folder or frames that are in the files; TRL reads frames
    always. `times`: how the answers of these three write times. `tasks`: which tasks have records; without any, each
    format has its own.
    """

    names: tuple[FormatName, ...] = Field(default=(), description="The trainers.")
    inputs: Inputs = Field(default="videos", description="What LLaMA-Factory and ms-swift read: videos, or frames.")
    times: Times = Field(default="seconds", description="How answers write times.")
    tasks: tuple[Task, ...] = Field(default=(), description="Which tasks have records. Empty: those of each format.")

    @field_validator("names", "tasks")
    @classmethod
    def _in_one_order(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        """However somebody names them, equal choices give equal releases."""
        order: list[str] = [*get_args(FormatName), *get_args(Task)]
        return tuple(sorted(set(values), key=order.index))

    @property
    def hold_frames(self) -> bool:
        """Whether pictures are part of a chosen format."""
        trainers = {"llamafactory", "ms-swift"} if self.inputs == "frames" else set()
        return not {"trl", *trainers}.isdisjoint(self.names)


class ConfigurationSplit(Record):
    """Rows and Parquet files of one split of a configuration; splits without rows are not listed."""

    split: Annotated[str, Field(pattern=r"^[a-z]+$")]
    rows: int = Field(ge=1)
    shards: int = Field(ge=1)


class ConfigurationCount(Record):
    """A configuration and its splits, which lie in `NAME/SPLIT-NNNNN-of-NNNNN.parquet`; none without rows.

    `columns`: the names of all columns in order, with the names of their types (curation/release/column_types.py), so
    that a file without one is found; releases of earlier versions do not state them.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9_]+$")]
    splits: tuple[ConfigurationSplit, ...]
    columns: dict[str, str] = Field(default_factory=dict)


class MediaSettings(Record):
    """What somebody must know to get the same files and frames again (`v2xum reconstruct`).

    Of a video's formats that one is taken whose height is at most `max_height` and whose codec is `prefer_codec`, if
    there is one. Frames are sampled at `fps` a second by `backend`, scaled to a short side of at most `short_side`
    pixels, and encoded as JPEG with the quality `jpeg_quality`.
    """

    max_height: int = Field(ge=64)
    prefer_codec: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,32}$")] | None
    fps: float = Field(gt=0, le=60)
    short_side: int = Field(ge=32)
    jpeg_quality: int = Field(ge=30, le=100)
    backend: Literal["pyav", "decord"]


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


class StageState(Record):
    """What decided the results of a stage, besides their inputs, when a release was made.

    `version` is raised when the stage's code gives other results; `prompt` is the hash of its prompt, `models` the hash
    of the names, revisions and sampling parameters of its models. `settings` are the keys of the configuration that can
    change a result, `limits` those that can only decide whether a video is left out: single values as JSON, lists as
    hashes. Two names are no stages: `review` (the rules for people's verdicts) and `splits`.
    """

    name: str
    version: int
    prompt: Sha256 | None = None
    models: Sha256 | None = None
    settings: dict[str, str] = Field(default_factory=dict)
    limits: dict[str, str] = Field(default_factory=dict)


class ChangeFigures(Record):
    """How many rows of `full` came, went, changed and stayed since the release `before`.

    `causes` counts the rows that came, went or changed by the first cause of each (schemas.documents.release_diff).
    """

    before: str
    added: int
    removed: int
    changed: int
    same: int
    causes: dict[str, int] = Field(default_factory=dict)


class ReleaseManifest(Manifest):
    """The contents of a release's `manifest.json`: `files` are all other files, sorted by path.

    `version` is a semantic version. `made_from` is the SHA-256 of everything that the release depends on: two releases
    with one value have the same rows. `splits` and `samples` are those of the configuration `default`;
    `split_report` says how the splits were made, `media` how files and frames; `v2xum release` always writes both.
    `formats` are those of trainers. `stages` is empty in releases that did not record it yet; `changes` is null in the
    first release.
    """

    version: str
    made_from: Sha256
    configurations: tuple[ConfigurationCount, ...]
    review: ReviewFigures
    split_report: SplitReport | None = None
    media: MediaSettings | None = None
    formats: FormatChoice = FormatChoice()
    stages: tuple[StageState, ...] = ()
    changes: ChangeFigures | None = None
