"""Configuration sections to models; nothing heavy is imported before a model is asked for."""

from __future__ import annotations

from collections.abc import Callable

from models.chat import ChatModel, Embedder
from models.checkpoints import checkpoint_errors, name_of, remote_sampling, require_packages, revision_of, sampling_of
from models.clip import Clip
from models.clip_open import OpenClip, open_clip_identity
from models.embedders import NgramEmbedder, TransformersEmbedder
from models.meter import Meter
from schemas.model_config import ChatConfig, ClipConfig, OpenAIModel
from schemas.model_config import NgramEmbedder as NgramConfig
from schemas.model_config import OpenClip as OpenClipConfig
from schemas.model_config import TransformersEmbedder as TransformersConfig

UNSTATED = "unstated"  # the revision of a server's weights when the configuration does not name it


def _go_on() -> None:
    """Nothing asks the run to stop."""


def build_chat_model(config: ChatConfig, meter: Meter | None = None, heed: Callable[[], None] = _go_on) -> ChatModel:
    """Load a chat model, or reach its servers; `heed` is called while it waits and may raise RunStopped.

    Raises ConfigError when the checkpoint or the extra `local` is missing, or no server serves the model.
    """
    if isinstance(config, OpenAIModel):
        from models.remote import RemoteChatModel

        return RemoteChatModel(config, meter or Meter(), heed)
    require_packages()
    from models.local import LocalChatModel

    return LocalChatModel(config)


def build_embedder(config: NgramConfig | TransformersConfig) -> Embedder:
    """Load a sentence embedder. Raises ConfigError when its checkpoint, or the extra `local`, is missing."""
    if isinstance(config, NgramConfig):
        return NgramEmbedder(config.dimensions)
    require_packages()
    return TransformersEmbedder(config)


def build_clip(config: ClipConfig) -> Clip:
    """Load a CLIP. Raises ConfigError when its weights, or the extra `local` or `clip`, are missing."""
    if isinstance(config, OpenClipConfig):
        return OpenClip(config)
    with checkpoint_errors(config.model):
        from models.clip_transformers import TransformersClip

    return TransformersClip(config)


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


def identify_clip(config: ClipConfig) -> tuple[str, str, str]:
    """Engine, name and revision of a CLIP, without loading its weights. Raises ConfigError."""
    if isinstance(config, OpenClipConfig):
        return config.engine, *open_clip_identity(config)
    return config.engine, name_of(config.model), revision_of(config.model, config.revision)
