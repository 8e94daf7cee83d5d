"""The sections of a run's configuration that concern videos: sources, downloads, filters, frames."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, field_serializer, model_validator

from schemas.configuration.section import Count, Fraction, Megabytes, Pixels, Seconds, Section, Unit
from schemas.secret_addresses import without_secrets

FilterMode = Literal["enable", "disable", "score-only"]
_MODE = "enable: refuse what is outside; score-only: store the score, refuse nothing; disable: neither"


class SourceSpec(Section):
    """One place that videos come from. Saved and shown, `at` is without signatures and passwords."""

    at: str = Field(
        description="a file, a folder, a URL, a YouTube id, a list file (.csv .tsv .jsonl .parquet .txt), or a data "
        "set of the Hub, hf://datasets/OWNER/NAME"
    )
    column: str | None = Field(default=None, description="a list's column of addresses; null: searched by usual names")
    id_column: str | None = Field(default=None, description="a list's column of ids; null: searched by usual names")
    title_column: str | None = Field(
        default=None, description="a list's column of titles; null: searched by usual names"
    )
    split: str = Field(default="train", description="which split of a data set of the Hub is read")
    recursive: bool = Field(default=True, description="of a folder: also the folders in it")
    follow_links: bool = Field(default=False, description="of a folder: also links that lead out of it")

    @field_serializer("at")
    def _without_secrets(self, at: str) -> str:
        return without_secrets(at)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """The fields of the text form, without signatures too."""
        for name, value in super().__repr_args__():
            yield name, without_secrets(value) if name == "at" else value


class DownloadConfig(Section):
    """Settings of downloads, which yt-dlp makes in child processes.

    Cookies and proxy come from V2XUM_COOKIES_FILE and V2XUM_PROXY.
    """

    max_megabytes: Megabytes = Field(default=2000, gt=0, description="largest file of a video; a larger one is refused")
    max_page_megabytes: Megabytes = Field(default=16, gt=0, description="largest page or manifest that yt-dlp reads")
    memory_megabytes: Megabytes = Field(default=1024, ge=512, description="address space of one child process")
    cpu_seconds: Seconds = Field(
        default=60, ge=1, description="CPU time of a child process until it has read a video's pages and manifests"
    )
    max_height: Pixels = Field(default=720, ge=64, description="height of the picture that is asked for, at most")
    prefer_codec: str = Field(default="h264", description="video codec that is taken where a site offers several")
    timeout: Seconds = Field(default=30, gt=0, description="longest silence of a connection")
    wall_seconds: Seconds = Field(default=1800, gt=0, description="longest download of one video")
    attempts: Count = Field(default=3, ge=1, description="tries of one video in a run, where the fault may pass")
    backoff: Seconds = Field(
        default=2.0, ge=0, description="wait before the second try; doubles with each further one, with jitter"
    )
    pace: Seconds = Field(default=0.0, ge=0, description="minimum time between two downloads from one host")
    subtitles: tuple[str, ...] = Field(
        default=(),
        description="languages whose subtitles are taken too: the publisher's, and those in a local file or beside it",
    )
    sound: bool = Field(
        default=False,
        description="also a file of sound where a site gives it apart from the picture, as YouTube does",
    )
    allow_private_addresses: bool = Field(
        default=False, description="URLs may point to this machine and to private networks, as the demo's server needs"
    )
    schemes: tuple[str, ...] = Field(default=("http", "https"), description="beginnings of addresses that are allowed")


class RangeFilter(Section):
    """Keeps values inside [min, max]."""

    mode: FilterMode = Field(default="enable", description=_MODE)
    min: float | None = Field(default=None, description="smallest value that is kept; null: no limit")
    max: float | None = Field(default=None, description="largest value that is kept; null: no limit")


class ShareFilter(RangeFilter):
    """Keeps shares inside [min, max]."""

    mode: FilterMode = Field(default="score-only", description=_MODE)
    min: Fraction | None = Field(default=None, description="smallest share that is kept; null: no limit")
    max: Fraction | None = Field(default=None, description="largest share that is kept; null: no limit")

    @model_validator(mode="after")
    def _ordered(self) -> ShareFilter:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min must not exceed max")
        return self


class ListFilter(Section):
    """Keeps values that are in `allow` (if it is not empty) and not in `deny`."""

    mode: FilterMode = Field(default="disable", description=_MODE)
    allow: tuple[str, ...] = Field(default=(), description="values that are kept; an empty list: all")
    deny: tuple[str, ...] = Field(default=(), description="values that are refused")
    unknown: Literal["keep", "drop"] = Field(default="keep", description="what happens to videos without a value")


class ModeFilter(Section):
    """A filter that has no limits to set."""

    mode: FilterMode = Field(default="enable", description=_MODE)


class FilterConfig(Section):
    """The filters of videos. They judge the metadata before the download, and the file after it.

    Scores are stored in every mode except `disable`; only `enable` refuses a video.
    """

    duration: Annotated[RangeFilter, Unit("seconds")] = Field(
        default=RangeFilter(min=40, max=940), description="length of a video"
    )
    height: Annotated[RangeFilter, Unit("pixels")] = Field(
        default=RangeFilter(mode="score-only", min=240), description="height of the picture"
    )
    licence: ListFilter = Field(default=ListFilter(), description="the licence as the publisher writes it")
    language: ListFilter = Field(default=ListFilter(), description="the language that the publisher states (ISO 639)")
    live: ModeFilter = Field(default=ModeFilter(), description="streams that have not ended, or not begun")
    blocklist: ListFilter = Field(
        default=ListFilter(mode="enable"), description="deny: ids, addresses, channels or channel ids"
    )


class NearDuplicateConfig(Section):
    """Frames that look the same share a caption: those within both distances of an earlier frame."""

    mode: Literal["enable", "disable"] = Field(default="enable", description="disable: a caption for every frame")
    max_distance: Annotated[int, Unit("bits")] = Field(
        default=2, ge=0, le=64, description="largest distance of the perceptual hashes (pHash, 64 bits)"
    )
    max_difference: Annotated[float, Unit("luma, 0 to 255")] = Field(
        default=1.0, ge=0, description="largest mean difference of brightness"
    )


class FrameConfig(Section):
    """Frame sampling. Sample k = 0, 1, 2 ... is the last frame with pts <= first pts + k / fps."""

    fps: Annotated[float, Unit("frames a second")] = Field(default=1.0, gt=0, le=60, description="sampled frames")
    short_side: Pixels = Field(default=448, ge=32, description="shorter side of a sampled picture")
    jpeg_quality: Annotated[int, Unit("JPEG quality, 30 to 100")] = Field(
        default=90, ge=30, le=100, description="quality of the stored pictures, which models see too"
    )
    backend: Literal["pyav", "decord"] = Field(default="pyav", description="which library decodes")
    cross_check: Count = Field(
        default=3, ge=0, description="number of frames compared with decord where it is reliable; 0: off"
    )
    max_frames: Count = Field(default=3600, ge=1, description="a video with more sampled frames is rejected")
    near_duplicates: NearDuplicateConfig = NearDuplicateConfig()
    keep: Literal["keyframes", "all", "none"] = Field(
        default="keyframes", description="which pictures stay in the store when a video is finished"
    )
    wall_seconds: Seconds = Field(default=900, gt=0, description="longest decoding of one video")
    memory_megabytes: Megabytes = Field(default=4096, gt=0, description="memory of one decoding process")
