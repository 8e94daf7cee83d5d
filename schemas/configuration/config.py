"""The configuration of a run: one strict YAML file; every key has a type, and unknown keys are refused.

Defaults follow the published Instruct-V2Xum recipe; where it says nothing, they follow a documented decision. Secrets
are never part of the configuration: cookies, proxies and tokens come from the environment.
"""

from __future__ import annotations

import datetime
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.configuration.model_config import ModelsConfig
from schemas.configuration.refresh_config import RefreshConfig
from schemas.configuration.review_config import ReviewConfig
from schemas.configuration.safety_config import BlurConfig, SafetyConfig
from schemas.configuration.section import Count, Fraction, Seconds, Section, Unit
from schemas.configuration.store_config import StoreConfig
from schemas.configuration.text_config import (
    RECOGNISING,
    AuditConfig,
    BindingConfig,
    CaptionConfig,
    DenoiseConfig,
    ExtractConfig,
    OcrConfig,
    RefineConfig,
    TranscribeConfig,
)
from schemas.configuration.video_config import (
    DownloadConfig,
    FilterConfig,
    FrameConfig,
    ListFilter,
    ModeFilter,
    NearDuplicateConfig,
    RangeFilter,
    SourceSpec,
)

__all__ = [  # all sections of a run, wherever they are written
    "AuditConfig",
    "BindingConfig",
    "BlurConfig",
    "CaptionConfig",
    "CurateConfig",
    "DenoiseConfig",
    "DownloadConfig",
    "ExportConfig",
    "ExtractConfig",
    "FilterConfig",
    "Fraction",
    "FrameConfig",
    "ListFilter",
    "ModeFilter",
    "ModelsConfig",
    "NearDuplicateConfig",
    "OcrConfig",
    "PriceConfig",
    "RangeFilter",
    "RefineConfig",
    "RefreshConfig",
    "ReviewConfig",
    "RunSection",
    "SafetyConfig",
    "SourceSpec",
    "SplitConfig",
    "StoreConfig",
    "TranscribeConfig",
    "resolve_path",
]


class PriceConfig(Section):
    """Prices for `v2xum plan` and `--max-cost`: per GPU hour, per million tokens, or both."""

    currency: str = Field(default="USD", description="name of the currency, as it is printed")
    gpu_hour: Annotated[float, Unit("currency an hour")] = Field(default=0.0, ge=0, description="price of one GPU")
    gpus: Count = Field(default=1, ge=0, description="number of GPUs that the servers hold during the run")
    million_tokens_in: Annotated[float, Unit("currency per million tokens")] = Field(
        default=0.0, ge=0, description="price of what models read"
    )
    million_tokens_out: Annotated[float, Unit("currency per million tokens")] = Field(
        default=0.0, ge=0, description="price of what models write"
    )


class SplitConfig(Section):
    """The shares of the three splits; a hash of the video's content assigns each video to a split."""

    train: Fraction = Field(default=0.8333, description="share of the training split; the three add up to 1")
    validation: Fraction = Field(default=0.0333, description="share of the validation split")
    test: Fraction = Field(default=0.1334, description="share of the test split")

    @model_validator(mode="after")
    def _sum(self) -> SplitConfig:
        if abs(self.train + self.validation + self.test - 1) > 1e-6:
            raise ValueError("train + validation + test must be 1")
        return self


class ExportConfig(Section):
    """The export of the dataset, and what its card states.

    Only you know title and licence: there is no default, and a card without them says that they are not stated. So it
    is with authors, date and url, which a release states where it says how to cite.
    """

    rows_per_shard: Count = Field(default=1000, ge=1, description="rows of one Parquet file")
    images: bool = Field(default=True, description="with the pictures of the keyframes")
    blur: BlurConfig = BlurConfig()
    splits: SplitConfig = SplitConfig()
    licence: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="licence of the dataset: an identifier of the Hub, such as cc-by-4.0"
    )
    title: Annotated[str, Field(min_length=1)] | None = Field(default=None, description="title of the dataset")
    authors: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = Field(
        default=(), description="names of the dataset's authors"
    )
    date: datetime.date | None = Field(default=None, description="date of publication, YYYY-MM-DD")
    url: Annotated[str, Field(pattern=r"^https?://[^\s\x00-\x1f<>\"{}|\\^`]+$", max_length=2000)] | None = Field(
        default=None, description="web page of the dataset"
    )

    @property
    def blurred(self) -> BlurConfig:
        """What is blurred in the pictures that are published: nothing where there are none."""
        return self.blur if self.images else BlurConfig()


class RunSection(Section):
    """The division of the work, on this machine or on the nodes of a cluster."""

    engine: Literal["threads", "ray"] = Field(
        default="threads", description="threads: this machine alone; ray: every node of a Ray cluster"
    )
    ray_address: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="the cluster's HOST:PORT, as `ray start --head` prints it; null: none"
    )
    claim_seconds: Seconds = Field(
        default=30, ge=2, le=3600, description="a node that is silent for so long loses its shards to others"
    )
    workers_per_node: Count = Field(
        default=1, ge=1, le=64, description="processes of a node that carry shards; each uses about one core"
    )
    shard_size: Count = Field(default=20, ge=1, description="videos in one Prefect task run")
    shards_in_flight: Count = Field(default=4, ge=1, description="task runs that are worked on at the same time")
    download_workers: Count = Field(default=4, ge=1, description="downloads at the same time, of each task run")
    decode_workers: Count = Field(default=2, ge=1, description="processes that decode videos")
    model_workers: Count = Field(default=16, ge=1, description="videos whose requests are at a server at the same time")
    metrics_port: int | None = Field(
        default=None, ge=1, le=65535, description="serve Prometheus metrics on this port of 127.0.0.1; null: nowhere"
    )
    max_rejected: Fraction = Field(default=1.0, description="share of videos above which the exit code is 3")
    max_alike: Count = Field(
        default=5, ge=0, description="stop when so many videos crash at a stage alike and none succeeds; 0: never"
    )


class CurateConfig(Section):
    """The whole configuration of `v2xum curate`."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")] = Field(
        description="name of the dataset: letters, digits, dot, hyphen and underscore, at most 64"
    )
    workspace: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        exclude=True,  # a path of this machine: no release, and no workspace that is moved, may say it
        description="the folder for everything that the run makes, unless --workspace names one; null: data/runs/NAME",
    )
    sources: tuple[SourceSpec, ...] = Field(default=(), description="where the videos come from; or give --source")
    download: DownloadConfig = DownloadConfig()
    filters: FilterConfig = FilterConfig()
    frames: FrameConfig = FrameConfig()
    transcribe: TranscribeConfig = TranscribeConfig()
    denoise: DenoiseConfig = DenoiseConfig()
    ocr: OcrConfig = OcrConfig()
    safety: SafetyConfig = SafetyConfig()
    models: ModelsConfig
    caption: CaptionConfig = CaptionConfig()
    extract: ExtractConfig = ExtractConfig()
    refine: RefineConfig = RefineConfig()
    binding: BindingConfig = BindingConfig()
    audit: AuditConfig = AuditConfig()
    review: ReviewConfig = ReviewConfig()
    refresh: RefreshConfig = RefreshConfig()
    prices: PriceConfig = PriceConfig()
    export: ExportConfig = ExportConfig()
    run: RunSection = RunSection()
    store: StoreConfig = StoreConfig()

    @model_validator(mode="after")
    def _annotators(self) -> CurateConfig:
        if self.extract.annotators > 1 and self.models.extractor is not None:
            raise ValueError("extract.annotators must be 1 with models.extractor: a trained summarizer has one choice")
        models = 1 + len(self.models.annotators)
        if self.extract.annotators < models > 1:
            raise ValueError(
                f"models.annotators has {models - 1} of the models that choose keyframes, and models.summarizer is one "
                f"more: set extract.annotators to {models} or above (it is {self.extract.annotators}), or name fewer"
            )
        return self

    @model_validator(mode="after")
    def _optional_stages(self) -> CurateConfig:
        mode = self.transcribe.mode
        if mode in ("publisher", "publisher-first") and not self.download.subtitles:
            raise ValueError(
                f"transcribe.mode: {mode} reads subtitles, and download.subtitles names no language: set it, "
                "for instance to [en]"
            )
        if mode in RECOGNISING and self.models.transcriber is None:
            raise ValueError(f"transcribe.mode: {mode} needs models.transcriber, which recognises speech")
        if self.ocr.mode == "enable" and self.models.reader is None:
            raise ValueError("ocr.mode: enable needs models.reader, such as {engine: rapidocr}")
        if self.ocr.mode == "disable" and self.ocr.share.mode == "enable":
            raise ValueError(
                "ocr.share.mode: enable refuses nothing while ocr.mode is disable: set ocr.mode: enable, or take it out"
            )
        if self.denoise.mode == "enable" and mode == "disable":
            raise ValueError("denoise.mode: enable corrects transcripts, and transcribe.mode: disable makes none")
        return self

    @model_validator(mode="after")
    def _safety(self) -> CurateConfig:
        models, blur = self.models, self.export.blur
        if blur.pictures == "all" and not blur.on:
            raise ValueError("export.blur.pictures: all blurs nothing without export.blur.faces or export.blur.nudity")
        on = self.safety.mode == "enable"
        if on and models.faces is None and models.nudity is None:
            raise ValueError("safety.mode: enable needs models.faces, such as {engine: centerface}, or models.nudity")
        for key, wanted, there in (
            ("faces", blur.faces, models.faces is not None),
            ("nudity", blur.nudity is not None, models.nudity is not None),
        ):
            if wanted and not (on and there):
                raise ValueError(f"export.blur.{key} needs the scores of models.{key}, with safety.mode: enable")
            if getattr(self.safety, key).mode == "enable" and not (on and there):
                raise ValueError(
                    f"safety.{key}.mode: enable refuses nothing without the scores of models.{key}, with safety.mode: "
                    "enable"
                )
        return self


def resolve_path(text: str, base: Path) -> Path:
    """The absolute path for a path in a configuration file; a relative path starts from the file's folder `base`."""
    path = Path(text)
    with suppress(RuntimeError):  # `~name` of nobody is the name of a file
        path = path.expanduser()
    return path if path.is_absolute() else (base / path).resolve()


def is_there(path: Path) -> bool:
    """Whether a path names something. No system can have a file whose name is too long or holds NUL."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
