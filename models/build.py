"""Builds the models that a configuration names; heavy packages are imported only when a model is built.

One model is built at a time in a process, whoever asks. While transformers is imported by one thread, another finds
half of its names; and while a checkpoint is loaded, the library keeps state that is not a thread's own: a second
loading leaves models without weights, or with random ones.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from models.chat import ChatModel, Embedder
from models.clip import Clip, Extractor, Tower
from models.devices import require_device
from models.embedding.open_clip import OpenClip
from models.embedding.sentences import NgramEmbedder, TransformersEmbedder
from models.identity import checkpoint_errors, require_packages
from models.local.faces import CenterFaceFinder
from models.local.ocr import RapidReader
from models.local.voice import SileroVoice
from models.meter import Meter
from models.reader import TextReader
from models.safety import FaceFinder, NudityScorer
from schemas.configuration.model_config import (
    CenterFace,
    ChatConfig,
    ClipConfig,
    LocalWhisper,
    OpenAIModel,
    PictureClassifier,
    RapidOcr,
    SpeechServer,
    TowerConfig,
    TrainedExtractor,
    VisionTower,
)
from schemas.configuration.model_config import NgramEmbedder as NgramConfig
from schemas.configuration.model_config import OpenClip as OpenClipConfig
from schemas.configuration.model_config import TransformersEmbedder as TransformersConfig

_LOADING = threading.RLock()


def _never_stop() -> None:
    """Nothing asks the run to stop."""


def build_chat_model(
    config: ChatConfig, meter: Meter | None = None, raise_if_stopped: Callable[[], None] = _never_stop
) -> ChatModel:
    """Load a checkpoint as a chat model, or connect to the servers of one.

    `raise_if_stopped` is called while the model waits for its servers, and may raise RunStopped. Raises ConfigError
    when the checkpoint or the extra `local` is missing, or when no server serves the model.
    """
    if isinstance(config, OpenAIModel):
        from models.servers.chat_model import RemoteChatModel

        return RemoteChatModel(config, meter or Meter(), raise_if_stopped)
    with _LOADING:
        require_packages()
        require_device(config.device)
        from models.local.chat_model import LocalChatModel

        return LocalChatModel(config)


def build_transcriber(
    config: SpeechServer | LocalWhisper, meter: Meter | None = None, raise_if_stopped: Callable[[], None] = _never_stop
) -> ChatModel:
    """Load a Whisper checkpoint, or connect to the servers of a speech recogniser.

    Raises as `build_chat_model`; what may be missing is the extra `speech`.
    """
    if isinstance(config, SpeechServer):
        from models.servers.transcriber import RemoteTranscriber

        return RemoteTranscriber(config, meter or Meter(), raise_if_stopped)
    with _LOADING:
        from models.local.transcriber import LocalTranscriber

        return LocalTranscriber(config)


def build_voice() -> SileroVoice:
    """Load the network that tells where somebody speaks. Raises ConfigError without the extra `speech`."""
    with _LOADING:
        return SileroVoice()


def build_reader(config: RapidOcr) -> TextReader:
    """Load the networks that read text in pictures. Raises ConfigError without the extra `ocr`."""
    with _LOADING:
        return RapidReader(config)


def build_faces(config: CenterFace) -> FaceFinder:
    """Load the network that finds faces in pictures. Raises ConfigError without the extra `faces`."""
    with _LOADING:
        return CenterFaceFinder(config)


def build_nudity(config: PictureClassifier) -> NudityScorer:
    """Load the classifier that scores nudity in pictures.

    Raises ConfigError when its checkpoint, or the extra `local`, is missing, or the checkpoint lacks a label.
    """
    with _LOADING, checkpoint_errors(config.model):
        require_device(config.device)
        from models.local.picture_classifier import TransformersNudity

        return TransformersNudity(config)


def build_embedder(config: NgramConfig | TransformersConfig) -> Embedder:
    """Load a sentence embedder. Raises ConfigError when its checkpoint, or the extra `local`, is missing."""
    if isinstance(config, NgramConfig):
        return NgramEmbedder(config.dimensions)
    with _LOADING:
        require_packages()
        require_device(config.device)
        return TransformersEmbedder(config)


def build_clip(config: ClipConfig) -> Clip:
    """Load a CLIP. Raises ConfigError when its weights, or the extra `local` or `clip`, are missing."""
    with _LOADING:
        if isinstance(config, OpenClipConfig):
            return OpenClip(config)
        with checkpoint_errors(config.model):
            require_device(config.device)
            from models.embedding.transformers_clip import TransformersClip

        return TransformersClip(config)


def build_tower(config: TowerConfig) -> Tower:
    """Load what turns pictures into vectors: a CLIP, or a vision model alone. Raises ConfigError as `build_clip`."""
    if not isinstance(config, VisionTower):
        return build_clip(config)
    with _LOADING, checkpoint_errors(config.model):
        from models.embedding.vision import TransformersVision

        return TransformersVision(config)


def build_extractor(config: TrainedExtractor, fps: float, transcripts: bool = False) -> Extractor:
    """Load a trained summarizer and what makes its vectors, for frames sampled at `fps`.

    `transcripts`: what is said is known. Raises ConfigError as its parts do.
    """
    with _LOADING, checkpoint_errors(config.model):
        from models.summarizers.trained import TrainedSummarizer, inputs_of

        inputs = inputs_of(config, fps, transcripts)
        speech = build_embedder(inputs.speech) if inputs.speech is not None else None
        return TrainedSummarizer(config, build_tower(inputs.tower), speech)
