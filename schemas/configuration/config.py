"""The configuration of a run: one strict YAML file; every key has a type, and unknown keys are refused.

Defaults follow the published Instruct-V2Xum recipe; where it says nothing, they follow a documented decision. Secrets
are never part of the configuration: cookies, proxies and tokens come from the environment.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_serializer, model_validator

from schemas.configuration.model_config import ModelsConfig
from schemas.configuration.refresh_config import RefreshConfig
from schemas.configuration.review_config import ReviewConfig
from schemas.configuration.section import Section
from schemas.secret_addresses import without_secrets

FilterMode = Literal["enable", "disable", "score-only"]
Fraction = Annotated[float, Field(ge=0, le=1)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]  # ISO 639


class SourceSpec(Section):
    """One place that videos come from.

    `at` is a file, a folder, a URL, a YouTube id, a list file (.csv .tsv .jsonl .parquet .txt), or a data set of the
    Hub, `hf://datasets/OWNER/NAME`. In a list, `column` names the column of addresses, `id_column` that of ids and
    `title_column` that of titles; a column that is left out is searched by common names. In a folder, links that lead
    out of it are refused unless `follow_links` is true. Saved and shown, `at` is without signatures and passwords.
    """

    at: str
    column: str | None = None
    id_column: str | None = None
    title_column: str | None = None
    split: str = "train"
    recursive: bool = True
    follow_links: bool = False

    @field_serializer("at")
    def _without_secrets(self, at: str) -> str:
        return without_secrets(at)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """The fields of the text form, without signatures too."""
        for name, value in super().__repr_args__():
            yield name, without_secrets(value) if name == "at" else value


class DownloadConfig(Section):
    """Settings of downloads. Sizes are in MB (10**6 bytes), times in seconds.

    Cookies and proxy come from V2XUM_COOKIES_FILE and V2XUM_PROXY. With `allow_private_addresses`, URLs may point to
    loopback and private networks, as the demo's own server needs.

    yt-dlp works in child processes. One may use `memory_megabytes` of address space, and `cpu_seconds` of CPU time
    until it has read a video's pages and manifests, each of at most `max_page_megabytes`.
    """

    max_megabytes: float = Field(default=2000, gt=0)
    max_page_megabytes: float = Field(default=16, gt=0)
    memory_megabytes: float = Field(default=1024, ge=512)
    cpu_seconds: float = Field(default=60, ge=1)
    max_height: int = Field(default=720, ge=64)
    prefer_codec: str = "h264"
    timeout: float = Field(default=30, gt=0)
    wall_seconds: float = Field(default=1800, gt=0)
    attempts: int = Field(default=3, ge=1)
    backoff: float = Field(default=2.0, ge=0)
    pace: float = Field(default=0.0, ge=0, description="minimum seconds between two downloads from one host")
    subtitles: tuple[str, ...] = ()
    allow_private_addresses: bool = False
    schemes: tuple[str, ...] = ("http", "https")


class RangeFilter(Section):
    """Keeps values inside [min, max]."""

    mode: FilterMode = "enable"
    min: float | None = None
    max: float | None = None


class ListFilter(Section):
    """Keeps values that are in `allow` (if it is not empty) and not in `deny`; `unknown` is for missing values."""

    mode: FilterMode = "disable"
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    unknown: Literal["keep", "drop"] = "keep"


class ModeFilter(Section):
    """A filter that has no limits to set."""

    mode: FilterMode = "enable"


class FilterConfig(Section):
    """The filters of videos. They judge the metadata before the download, and the file after it.

    Scores are stored in every mode except `disable`; only `enable` refuses a video.
    """

    duration: RangeFilter = RangeFilter(min=40, max=940)
    height: RangeFilter = RangeFilter(mode="score-only", min=240)
    licence: ListFilter = ListFilter()
    language: ListFilter = ListFilter()
    live: ModeFilter = ModeFilter()
    blocklist: ListFilter = Field(
        default=ListFilter(mode="enable"), description="deny: ids, addresses, channels or channel ids"
    )


class NearDuplicateConfig(Section):
    """Frames within `max_distance` bits of the pHash and `max_difference` mean luma (0..255) share a caption."""

    mode: Literal["enable", "disable"] = "enable"
    max_distance: int = Field(default=2, ge=0, le=64)
    max_difference: float = Field(default=1.0, ge=0)


class FrameConfig(Section):
    """Frame sampling. Sample k = 0, 1, 2 ... is the last frame with pts <= first pts + k / fps."""

    fps: float = Field(default=1.0, gt=0, le=60)
    short_side: int = Field(default=448, ge=32)
    jpeg_quality: int = Field(default=90, ge=30, le=100)
    backend: Literal["pyav", "decord"] = "pyav"
    cross_check: int = Field(
        default=3, ge=0, description="number of frames compared with decord where it is reliable; 0: off"
    )
    max_frames: int = Field(default=3600, ge=1)
    near_duplicates: NearDuplicateConfig = NearDuplicateConfig()
    keep: Literal["keyframes", "all", "none"] = "keyframes"
    wall_seconds: float = Field(default=900, gt=0)
    memory_megabytes: float = Field(default=4096, gt=0)


class CaptionConfig(Section):
    """The captions of frames, one for each frame."""

    prompt: str = "caption.v1"
    max_tokens: int = Field(default=77, ge=8)
    attempts: int = Field(default=3, ge=1)
    max_failed: Fraction = Field(default=0.1, description="largest share of frames without a caption")
    language: Language | None = Field(default="en", description="what the prompt asks for; null: any language")


class ExtractConfig(Section):
    """The choice of keyframes. Ratio = keyframes / sampled frames (published mean 0.1639)."""

    prompt: str = "extract.v2"
    ratio_min: Fraction = 0.03
    ratio_target: Fraction = 0.1639
    ratio_max: Fraction = 0.35
    min_keyframes: int = Field(default=1, ge=1)
    max_keyframes: int = Field(default=120, ge=1)
    window_frames: int | None = Field(
        default=None, ge=4, description="most frames in a request; limited by tokens alone when left out"
    )
    overlap_frames: int = Field(default=0, ge=0)
    max_tokens: int = Field(default=1024, ge=16)
    attempts: int = Field(default=3, ge=1)

    @model_validator(mode="after")
    def _ordered(self) -> ExtractConfig:
        if not self.ratio_min <= self.ratio_target <= self.ratio_max:
            raise ValueError("ratio_min <= ratio_target <= ratio_max must hold")
        if self.min_keyframes > self.max_keyframes:
            raise ValueError("min_keyframes must not exceed max_keyframes")
        return self


class RefineConfig(Section):
    """The merging of near-duplicate captions, then their rewriting.

    `similarity` is a cosine. Two captions count as a repetition only when they are at most `window_seconds` apart;
    None means anywhere in the video.
    """

    prompt: str = "refine.v2"
    similarity: Fraction = 0.9
    window_seconds: float | None = Field(default=30.0, ge=0)
    lines: int | None = Field(
        default=None, ge=1, description="most lines in a request; limited by tokens alone when left out"
    )
    max_tokens: int = Field(default=1024, ge=16)
    attempts: int = Field(default=3, ge=1)
    language: Language | None = Field(default="en", description="what the prompt asks for; null: any language")


class BindingConfig(Section):
    """The binding audit: is each caption attached to the picture that it was written for? Every video is checked.

    With every `canary_every` captions (the last group may be smaller), `canaries` pictures with known content are
    captioned; the share `min_canaries` of them must be recognized. `canary_pictures` is a folder of your own with
    canaries.json; without it, simple shapes and words are drawn, which any general model can name. Of each video,
    `sample` captions are compared with their own frame and with `others` random frames of other videos: in at least
    `min_match` of the comparisons the own frame must be more similar (this needs models.clip). One caption text may
    cover at most `max_share` of the unlike frames. All shares are over the latest observations of the run. An alarm
    needs `least` captions, or 4 canaries, or 8 canaries of one server when there are several. `enable` halts the run at
    an alarm, `score-only` logs it.

    Summaries and choices of keyframes are watched too, over the latest 64 videos of the workspace: unlike videos with
    nearly the same summary may be at most `max_same_summaries` of them (an alarm needs 3), and the same choice may not
    be so frequent that honest choices would coincide like that with a chance below `min_choice_chance`.
    """

    mode: Literal["enable", "disable", "score-only"] = "enable"
    canaries: int = Field(default=1, ge=0)
    canary_every: int = Field(default=100, ge=1)
    canary_pictures: str | None = None
    min_canaries: Fraction = 0.5
    sample: int = Field(default=16, ge=0)
    others: int = Field(default=8, ge=1)
    min_match: Fraction = 0.65
    max_share: Fraction = 0.3
    max_same_summaries: Fraction = 0.05
    min_choice_chance: Fraction = 1e-6
    least: int = Field(default=48, ge=1)


class AuditConfig(Section):
    """Scores of every finished sample, and what little support by the captions means for it.

    A summary with no sentence whose support reaches `refuse_below` is no sample (`unsupported`). One whose mean support
    is below `review_below`, or which the captions contradict, waits for people and is not published until they accept
    it (`awaits_review`). Both hold in every mode but `disable`; null switches one off. docs/results/audit.md shows how
    the limits were chosen. A change of them makes nothing due.

    In the mode `enable` other scores beyond a threshold are marked, which helps people to choose. The thresholds:
    `min_grounding` for the mean CLIP similarity of keyframes and captions (its scale depends on the CLIP),
    `min_coverage` for the share of the captioned content that the keyframes represent, `max_redundancy` for how far
    sentences repeat each other, `max_unsupported` for the share of sentences that their captions do not support.
    """

    mode: Literal["enable", "disable", "score-only"] = "score-only"
    refuse_below: Fraction | None = 0.15
    review_below: Fraction | None = 0.3
    min_grounding: float | None = None
    min_coverage: Fraction | None = None
    max_redundancy: Fraction | None = None
    max_unsupported: Fraction | None = None
    support: Fraction = Field(
        default=0.5, description="a sentence is supported when its mean of shared words and similarity reaches this"
    )
    judge_prompt: str = "judge.v2"
    judge_max_tokens: int = Field(default=512, ge=16)
    attempts: int = Field(default=2, ge=1)


class PriceConfig(Section):
    """Prices for `v2xum plan` and `--max-cost`: per GPU hour, per million tokens, or both."""

    currency: str = "USD"
    gpu_hour: float = Field(default=0.0, ge=0)
    gpus: int = Field(default=1, ge=0, description="number of GPUs that the servers hold during the run")
    million_tokens_in: float = Field(default=0.0, ge=0)
    million_tokens_out: float = Field(default=0.0, ge=0)


class SplitConfig(Section):
    """The shares of the three splits; a hash of the video's content assigns each video to a split."""

    train: Fraction = 0.8333
    validation: Fraction = 0.0333
    test: Fraction = 0.1334

    @model_validator(mode="after")
    def _sum(self) -> SplitConfig:
        if abs(self.train + self.validation + self.test - 1) > 1e-6:
            raise ValueError("train + validation + test must be 1")
        return self


class ExportConfig(Section):
    """The export of the dataset. A Parquet file has `rows_per_shard` rows, with keyframe pictures if `images`.

    `title` and `licence` (an identifier of the Hub, such as cc-by-4.0) head the dataset card. Only you know them: there
    is no default, and a card without them says that they are not stated. So it is with `authors`, `date` (of
    publication, YYYY-MM-DD) and `url` (the web page of the dataset), which a release states where it says how to cite.
    """

    rows_per_shard: int = Field(default=1000, ge=1)
    images: bool = True
    splits: SplitConfig = SplitConfig()
    licence: Annotated[str, Field(min_length=1)] | None = None
    title: Annotated[str, Field(min_length=1)] | None = None
    authors: tuple[Annotated[str, Field(min_length=1, max_length=200)], ...] = ()
    date: datetime.date | None = None
    url: Annotated[str, Field(pattern=r"^https?://[^\s\x00-\x1f<>\"{}|\\^`]+$", max_length=2000)] | None = None


class RunSection(Section):
    """The division of the work on this machine."""

    shard_size: int = Field(default=20, ge=1, description="videos in one Prefect task run")
    shards_in_flight: int = Field(default=4, ge=1)
    download_workers: int = Field(default=4, ge=1)
    decode_workers: int = Field(default=2, ge=1)
    model_workers: int = Field(default=16, ge=1, description="videos whose requests are at a server at the same time")
    metrics_port: int | None = Field(default=None, ge=1, le=65535, description="serve Prometheus metrics on 127.0.0.1")
    max_rejected: Fraction = Field(default=1.0, description="share of videos above which the exit code is 3")
    max_alike: int = Field(
        default=5, ge=0, description="stop when so many videos crash at a stage alike and none succeeds; 0: never"
    )


class CurateConfig(Section):
    """The whole configuration of `v2xum curate`."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    sources: tuple[SourceSpec, ...] = ()
    download: DownloadConfig = DownloadConfig()
    filters: FilterConfig = FilterConfig()
    frames: FrameConfig = FrameConfig()
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


def resolve_path(text: str, base: Path) -> Path:
    """The absolute path for a path in a configuration file; a relative path starts from the file's folder `base`."""
    path = Path(text).expanduser()
    return path if path.is_absolute() else (base / path).resolve()
