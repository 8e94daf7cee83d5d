"""The manifest of an export: files, counts, makers. It holds no wall-clock time and no path of the machine."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.errors import ErrorClass
from schemas.parts.safety import BlurPolicy
from schemas.records import Record, Sha256

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")


class ExportedFile(Record):
    """One file of the export: path relative to its folder with `/`, size in bytes, rows where it has rows."""

    path: Annotated[str, Field(pattern=r"^(\.*[A-Za-z0-9_-][A-Za-z0-9_.-]*/)*\.*[A-Za-z0-9_-][A-Za-z0-9_.-]*$")]
    sha256: Sha256
    bytes: int
    rows: int | None = None


class SplitCount(Record):
    """Rows and Parquet shards of one split; splits without rows are not listed."""

    split: SplitName
    rows: int = Field(ge=1)
    shards: int = Field(ge=1)


class MakerCount(Record):
    """How many rows one prompt, model and set of sampling parameters made at a stage."""

    stage: Literal["denoise", "caption", "extract", "refine"]
    prompt: str
    prompt_sha256: Sha256
    model: str
    revision: str
    sampling: str
    rows: int


class ReaderCount(Record):
    """How many rows one model heard, read or scored at a stage that gives no prompt."""

    stage: Literal["transcribe", "ocr", "safety"]
    model: str
    revision: str
    rows: int


class RejectionCount(Record):
    """How many videos were refused for one reason at a stage."""

    stage: str
    error_class: ErrorClass
    reason: str
    videos: int


class Spread(Record):
    """Smallest, mean and largest value of a quantity over the `rows` that have it."""

    rows: int
    minimum: float
    mean: float
    maximum: float


class Manifest(Record):
    """The contents of `manifest.json`. `licences` and `languages` count what publishers state ("" when nothing).

    `blur` says what is blurred in its pictures, null where nothing is.
    `readers` are the recognisers, text readers and scorers of its rows. `transcripts` counts the rows of a run with
    transcripts by where the transcript comes from, or by the reason why there is none.
    `title` and `licence` of the dataset are null where its makers state none. `ratio_of_means` is the mean number of
    keyframes divided by the mean number of sampled frames, null without rows; the mean in `statistics` weighs a short
    video as much as a long one.
    """

    schema_version: int
    name: str
    title: str | None
    licence: str | None
    images: bool
    blur: BlurPolicy | None = Field(default=None, exclude_if=lambda value: value is None)
    samples: int
    splits: tuple[SplitCount, ...]
    files: tuple[ExportedFile, ...]
    makers: tuple[MakerCount, ...]
    readers: tuple[ReaderCount, ...] = Field(default=(), exclude_if=lambda value: not value)
    transcripts: dict[str, int] = Field(default_factory=dict, exclude_if=lambda value: not value)
    reviews: dict[str, int]
    licences: dict[str, int]
    languages: dict[str, int]
    statistics: dict[str, Spread]
    ratio_of_means: float | None
    defective: int
    rejections: tuple[RejectionCount, ...]
