"""Configuration sections to models; nothing heavy is imported before a model is asked for."""

from __future__ import annotations

from models.chat import ChatModel, Embedder
from models.checkpoints import name_of, require_packages, revision_of, sampling_of
from models.embedders import NgramEmbedder, TransformersEmbedder
from schemas.config import LocalModel
from schemas.config import NgramEmbedder as NgramConfig
from schemas.config import TransformersEmbedder as TransformersConfig


def build_chat_model(config: LocalModel) -> ChatModel:
    """Load a chat model. Raises ConfigError when the checkpoint, or the extra `local`, is missing."""
    require_packages()
    from models.local import LocalChatModel

    return LocalChatModel(config)


def build_embedder(config: NgramConfig | TransformersConfig) -> Embedder:
    """Load a sentence embedder. Raises ConfigError when its checkpoint, or the extra `local`, is missing."""
    if isinstance(config, NgramConfig):
        return NgramEmbedder(config.dimensions)
    require_packages()
    return TransformersEmbedder(config)


def identify(config: LocalModel) -> tuple[str, str, dict[str, float | int | str | bool | None]]:
    """Name, revision and sampling parameters of a chat model, without loading its weights. Raises ConfigError."""
    return name_of(config.model), revision_of(config.model, config.revision), sampling_of(config)


def identify_embedder(config: NgramConfig | TransformersConfig) -> tuple[str, str]:
    """Name and revision of an embedder, without loading its weights. Raises ConfigError."""
    if isinstance(config, NgramConfig):
        return config.engine, str(config.dimensions)
    return name_of(config.model), revision_of(config.model, config.revision)
