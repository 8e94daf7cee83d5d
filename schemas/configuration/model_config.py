"""The configuration of models: engines, weights, and how models are called.

A configuration never holds a secret: an engine that needs a key names the environment variable that holds it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from schemas.configuration.section import Section


class LocalModel(Section):
    """A checkpoint that this process loads with transformers (extra `local`)."""

    engine: Literal["local"] = "local"
    model: str
    revision: str | None = None
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    device: str = "cpu"
    batch: int = Field(default=16, ge=1)
    context: int | None = Field(default=None, ge=128, description="tokens; the checkpoint's own limit by default")
    temperature: float = Field(default=0.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    seed: int = 0


class Concurrency(Section):
    """Requests in flight at one server: begins at `start`, adapts, and never exceeds `max`."""

    start: int = Field(default=16, ge=1)
    max: int = Field(default=64, ge=1)

    @model_validator(mode="after")
    def _ordered(self) -> Concurrency:
        if self.start > self.max:
            raise ValueError("start must not exceed max")
        return self


class ServeSection(Section):
    """How `v2xum serve` starts the server of this model.

    `weights`: hub id or folder (the model's name when left out); `extra`: further arguments, added without a change.
    """

    weights: str | None = None
    dtype: str = "auto"
    max_model_len: int = Field(default=8192, ge=128)
    max_num_seqs: int = Field(default=256, ge=1)
    gpu_memory: float = Field(default=0.9, gt=0, le=1)
    tensor_parallel: int = Field(default=1, ge=1)
    data_parallel: int = Field(default=1, ge=1)
    extra: tuple[str, ...] = ()


class OpenAIModel(Section):
    """A model behind OpenAI-compatible servers; production is vLLM.

    `model` is the served name. `revision` names its weights (a commit of the hub, or a date): servers do not report it,
    and it is part of every fingerprint. `base_urls` are the addresses of replicas of one model and end in `/v1`. Times
    are in seconds.
    """

    engine: Literal["openai"]
    model: str
    revision: str | None = None
    base_urls: tuple[str, ...] = Field(min_length=1)
    api_key_env: str = "V2XUM_API_KEY"
    images: Literal["base64", "file"] = "base64"
    media_path: str | None = Field(default=None, description="folder that the server may read, for `images: file`")
    concurrency: Concurrency = Concurrency()
    batch: int = Field(default=64, ge=1, description="requests of one video that wait together")
    timeout: float = Field(default=120, gt=0, description="for one request")
    retries: int = Field(default=5, ge=0, description="of one request, for 429, 5xx, time-outs and lost connections")
    backoff: float = Field(default=0.5, ge=0, description="before the first retry; doubles, with jitter")
    patience: float = Field(default=600, ge=0, description="how long a run waits for servers that are gone")
    context: int | None = Field(default=None, ge=128, description="tokens; the server's own limit by default")
    temperature: float = Field(default=0.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    seed: int = 0
    serve: ServeSection = ServeSection()

    @field_validator("base_urls")
    @classmethod
    def _plain_urls(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            if not url.startswith(("http://", "https://")) or "@" in url:
                raise ValueError("base_urls must be http(s) addresses without a user or password")
            parts = urlsplit(url)
            if not parts.hostname or parts.port == 0 or parts.query or parts.fragment:
                raise ValueError("base_urls must name a host (and port), end in /v1 and have no query")
        return tuple(url.rstrip("/") for url in urls)

    @model_validator(mode="after")
    def _has_media_path(self) -> OpenAIModel:
        if self.images == "file" and self.media_path is None:
            raise ValueError("images: file needs media_path, the folder given to --allowed-local-media-path")
        return self


def _engine(value: Any) -> str:
    """The engine that a section names; `local` when it names none."""
    return str(value.get("engine", "local") if isinstance(value, dict) else getattr(value, "engine", "local"))


ChatConfig = Annotated[
    Annotated[LocalModel, Tag("local")] | Annotated[OpenAIModel, Tag("openai")], Discriminator(_engine)
]


class NgramEmbedder(Section):
    """Sentence embedding by hashed word and character n-grams: it compares words and letters and needs no weights."""

    engine: Literal["ngram"] = "ngram"
    dimensions: int = Field(default=4096, ge=64)


class TransformersEmbedder(Section):
    """Sentence embedding by the mean of an encoder's last hidden states (extra `local`)."""

    engine: Literal["transformers"]
    model: str
    revision: str | None = None
    device: str = "cpu"


class TransformersClip(Section):
    """A CLIP that transformers loads (extra `local`); `model` is a folder or hub id."""

    engine: Literal["transformers"]
    model: str
    revision: str | None = None
    device: str = "cpu"
    batch: int = Field(default=32, ge=1)


class OpenClip(Section):
    """A CLIP that open_clip loads (extra `clip`), such as model ViT-B-32 with the pretrained tag openai."""

    engine: Literal["open_clip"]
    model: str
    pretrained: str
    device: str = "cpu"
    batch: int = Field(default=32, ge=1)


ClipConfig = Annotated[TransformersClip | OpenClip, Field(discriminator="engine")]


class VisionTower(Section):
    """Only the vision model of a checkpoint that transformers loads (extra `local`), such as BLIP's ViT or DINOv2.

    A picture's vector is the last hidden state of its class token.
    """

    engine: Literal["vision"]
    model: str
    revision: str | None = None
    device: str = "cpu"
    batch: int = Field(default=32, ge=1)


TowerConfig = Annotated[TransformersClip | OpenClip | VisionTower, Field(discriminator="engine")]


class TrainedExtractor(Section):
    """A checkpoint of `v2xum train` that looks at frames (V2Xum, VTSUM): `model` is its folder, OUT/model."""

    model: str
    device: str = "cpu"


class ModelsConfig(Section):
    """The models of a run: one captions, one summarizes, one embeds sentences.

    `clip` (vectors of pictures and texts) serves the audits, `judge` scores finished samples. Without them, the audits
    that need them are left out, and the report says so. `extractor`: a trained summarizer, which chooses the keyframes
    in the place of `summarizer`.
    """

    captioner: ChatConfig
    summarizer: ChatConfig
    embedder: Annotated[NgramEmbedder | TransformersEmbedder, Field(discriminator="engine")] = NgramEmbedder()
    clip: ClipConfig | None = None
    judge: ChatConfig | None = None
    extractor: TrainedExtractor | None = None
