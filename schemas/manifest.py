"""The manifest of an export: files, counts, makers. It holds no wall-clock time and no path of the machine."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.errors import ErrorClass
from schemas.records import Record, Sha256

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")


class ExportedFile(Record):
    """One file of the export: path relative to its folder with `/`, size in bytes, rows where it has rows."""

    path: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$")]
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

    stage: Literal["caption", "extract", "refine"]
    prompt: str
    prompt_sha256: Sha256
    model: str
    revision: str
    sampling: str
    rows: int


class RejectionCount(Record):
    """How many videos were refused for one reason at a stage."""

    stage: str
    error_class: ErrorClass
    reason: str
    videos: int


class Spread(Record):
    """Smallest, mean and largest value of a measured quantity over all rows."""

    minimum: float
    mean: float
    maximum: float


class Manifest(Record):
    """The contents of `manifest.json`. `licences` and `languages` count what publishers state ("" when nothing)."""

    schema_version: int
    name: str
    title: str
    licence: str
    images: bool
    samples: int
    splits: tuple[SplitCount, ...]
    files: tuple[ExportedFile, ...]
    makers: tuple[MakerCount, ...]
    reviews: dict[str, int]
    licences: dict[str, int]
    languages: dict[str, int]
    statistics: dict[str, Spread]
    defective: int
    rejections: tuple[RejectionCount, ...]
