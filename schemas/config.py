"""The configuration of a run: one strict YAML file, every key typed, unknown keys refused.

Defaults follow the Instruct-V2Xum recipe where it is published and a documented decision where it is not.
Secrets are never configuration: cookies, proxies and tokens come from the environment.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.model_config import ModelsConfig
from schemas.review_config import ReviewConfig
from schemas.section import Section

FilterMode = Literal["enable", "disable", "score-only"]
Fraction = Annotated[float, Field(ge=0, le=1)]


class SourceSpec(Section):
    """One place that videos come from.

    `at`: a file, a folder, a URL, a YouTube id, or a list file (.csv .jsonl .parquet .txt), or
    `hf://datasets/OWNER/NAME` rows. For lists, `column` names the address column and `id_column` an id
    column; both are found by common names when left out.
    """

    at: str
    column: str | None = None
    id_column: str | None = None
    title_column: str | None = None
    split: str = "train"
    recursive: bool = True


class DownloadConfig(Section):
    """How bytes are fetched. Sizes in MB (10**6), times in seconds.

    Cookies and proxy come from V2XUM_COOKIES_FILE and V2XUM_PROXY. `allow_private_addresses` lets
    URLs point to loopback and private networks (the demo's own server).
    """

    max_megabytes: float = Field(default=2000, gt=0)
    max_height: int = Field(default=720, ge=64)
    prefer_codec: str = "h264"
    timeout: float = Field(default=30, gt=0)
    wall_seconds: float = Field(default=1800, gt=0)
    attempts: int = Field(default=3, ge=1)
    backoff: float = Field(default=2.0, ge=0)
    pace: float = Field(default=0.0, ge=0, description="least seconds between two downloads from one host")
    subtitles: tuple[str, ...] = ()
    allow_private_addresses: bool = False
    schemes: tuple[str, ...] = ("http", "https")


class RangeFilter(Section):
    """Keep values inside [min, max]."""

    mode: FilterMode = "enable"
    min: float | None = None
    max: float | None = None


class ListFilter(Section):
    """Keep values in `allow` (when not empty) and not in `deny`; `unknown` says what a missing value does."""

    mode: FilterMode = "disable"
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    unknown: Literal["keep", "drop"] = "keep"


class ModeFilter(Section):
    """A filter that needs no value."""

    mode: FilterMode = "enable"


class FilterConfig(Section):
    """What is kept, judged before the bytes where metadata allow, and again on the file.

    Scores are stored in every mode but `disable`; only `enable` refuses a video.
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
    """Frame sampling. For k = 0, 1, 2 ...: the last frame with pts <= first pts + k / fps."""

    fps: float = Field(default=1.0, gt=0, le=60)
    short_side: int = Field(default=448, ge=32)
    jpeg_quality: int = Field(default=90, ge=30, le=100)
    backend: Literal["pyav", "decord"] = "pyav"
    cross_check: int = Field(default=3, ge=0, description="frames compared with decord where it is reliable; 0: off")
    max_frames: int = Field(default=3600, ge=1)
    near_duplicates: NearDuplicateConfig = NearDuplicateConfig()
    keep: Literal["keyframes", "all", "none"] = "keyframes"
    wall_seconds: float = Field(default=900, gt=0)
    memory_megabytes: float = Field(default=4096, gt=0)


class CaptionConfig(Section):
    """One caption a frame."""

    prompt: str = "caption.v1"
    max_tokens: int = Field(default=77, ge=8)
    attempts: int = Field(default=3, ge=1)
    max_failed: Fraction = Field(default=0.1, description="share of frames that may lack a caption")


class ExtractConfig(Section):
    """Which timestamps matter. Ratio = keyframes / sampled frames (published mean 0.1639)."""

    prompt: str = "extract.v1"
    ratio_min: Fraction = 0.03
    ratio_target: Fraction = 0.1639
    ratio_max: Fraction = 0.35
    min_keyframes: int = Field(default=1, ge=1)
    max_keyframes: int = Field(default=120, ge=1)
    window_frames: int | None = Field(
        default=None, ge=4, description="frames a request at most; by tokens when left out"
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
    """Near-duplicate removal, then rewriting.

    `similarity` is a cosine; `window_seconds` limits how far apart two captions may lie to count as
    repetition (left out: anywhere in the video).
    """

    prompt: str = "refine.v1"
    similarity: Fraction = 0.9
    window_seconds: float | None = Field(default=30.0, ge=0)
    lines: int | None = Field(default=None, ge=2, description="lines a request at most; by tokens when left out")
    max_tokens: int = Field(default=1024, ge=16)
    attempts: int = Field(default=3, ge=1)


class BindingConfig(Section):
    """The binding audit: are captions attached to the pictures that they were written for? Every video is checked.

    `canaries` pictures with known content ride with every begun `canary_every` captions; `min_canaries` is the share of
    them that must be recognized; `canary_pictures` is a folder of your own with canaries.json (left out: simple shapes
    and words, which any model that knows the world names). Of `sample` captions a video each is compared with its own
    frame and with `others` random frames of other videos: in at least `min_match` of the comparisons the own frame must
    be more similar (needs models.clip). One caption text may cover at most `max_share` of unlike frames. All shares are
    over the latest observations of the run; an alarm needs `least` captions, or 4 canaries (8 where one server
    of several is meant). `enable` halts the run, `score-only` notes.
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
    least: int = Field(default=48, ge=1)


class AuditConfig(Section):
    """Scores of every finished sample; `score-only` stores them, `enable` also marks what falls below a threshold.

    Nothing is ever removed because of them: marks and scores choose what people review. Thresholds: mean CLIP
    similarity of keyframes and captions (its scale is the CLIP's own), share of the captioned content that keyframes
    stand for, how far sentences repeat each other, share of sentences that their captions do not support.
    """

    mode: Literal["enable", "disable", "score-only"] = "score-only"
    min_grounding: float | None = None
    min_coverage: Fraction | None = None
    max_redundancy: Fraction | None = None
    max_unsupported: Fraction | None = None
    support: Fraction = Field(
        default=0.5, description="a sentence is supported from this mean of shared words and similarity on"
    )
    judge_prompt: str = "judge.v1"
    judge_max_tokens: int = Field(default=512, ge=16)
    attempts: int = Field(default=2, ge=1)


class PriceConfig(Section):
    """What work costs, for `v2xum plan` and `--max-cost`: by GPU hour, or by million tokens, or both."""

    currency: str = "USD"
    gpu_hour: float = Field(default=0.0, ge=0)
    gpus: int = Field(default=1, ge=0, description="GPUs that the servers hold while the run lasts")
    million_tokens_in: float = Field(default=0.0, ge=0)
    million_tokens_out: float = Field(default=0.0, ge=0)


class SplitConfig(Section):
    """Shares of the three splits, assigned by a hash of the video's content."""

    train: Fraction = 0.8333
    validation: Fraction = 0.0333
    test: Fraction = 0.1334

    @model_validator(mode="after")
    def _sum(self) -> SplitConfig:
        if abs(self.train + self.validation + self.test - 1) > 1e-6:
            raise ValueError("train + validation + test must be 1")
        return self


class ExportConfig(Section):
    """How the dataset is written. `rows_per_shard` rows a Parquet file; `images`: keyframe pictures inside."""

    rows_per_shard: int = Field(default=1000, ge=1)
    images: bool = True
    splits: SplitConfig = SplitConfig()
    licence: str = "other"
    title: str = "An Instruct-V2Xum-style dataset"


class RunSection(Section):
    """How the work is laid out on this machine."""

    shard_size: int = Field(default=20, ge=1, description="videos a Prefect task run")
    shards_in_flight: int = Field(default=4, ge=1)
    download_workers: int = Field(default=4, ge=1)
    decode_workers: int = Field(default=2, ge=1)
    model_workers: int = Field(
        default=16, ge=1, description="videos of the run whose requests are at a server together"
    )
    metrics_port: int | None = Field(default=None, ge=1, le=65535, description="serve Prometheus metrics on 127.0.0.1")
    max_rejected: Fraction = Field(default=1.0, description="share of videos above which the exit code is 3")


class CurateConfig(Section):
    """Everything that `v2xum curate` needs to know."""

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
    prices: PriceConfig = PriceConfig()
    export: ExportConfig = ExportConfig()
    run: RunSection = RunSection()


def resolve_path(text: str, base: Path) -> Path:
    """A path of a configuration file: relative ones are relative to the file's folder."""
    path = Path(text).expanduser()
    return path if path.is_absolute() else (base / path).resolve()
