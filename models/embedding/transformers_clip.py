"""CLIP by transformers: any checkpoint that embeds pictures and texts (CLIP, SigLIP). Needs no torchvision."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

from models.clip import Vectors
from models.decode_picture import decode_picture, presentable
from models.hub import weights_revision
from models.identity import checkpoint_errors, name_of, revision_of
from models.torch_threads import threads, threads_for
from models.weights import load_weights, quiet_loading
from schemas.configuration.model_config import TransformersClip as TransformersClipConfig
from schemas.errors import ConfigError, TransientError

_UNLIMITED = 10**6
# The library does not annotate these.
_AutoImageProcessor: Any = AutoImageProcessor


class TransformersClip:
    """A CLIP in this process, loaded by transformers. Threads may share it: one batch runs at a time."""

    def __init__(self, config: TransformersClipConfig) -> None:
        """Load the checkpoint. Raises ConfigError when it is missing, broken, or embeds no pictures or no texts."""
        with checkpoint_errors(config.model):
            revision = revision_of(config.model, config.revision)
            self._model, self._tokenizer, self._pictures = _load(config)
        self.name = f"transformers-{name_of(config.model)}-{revision[:12]}"
        if not all(hasattr(self._model, method) for method in ("get_image_features", "get_text_features")):
            raise ConfigError(f"model {name_of(config.model)!r} is no CLIP: it does not embed both pictures and texts")
        self._batch, self._device = config.batch, config.device
        self._threads = threads_for(self._model, config.device)
        self._lock = threading.Lock()
        text = self._model.config.get_text_config()
        limits = (getattr(text, "max_position_embeddings", None), self._tokenizer.model_max_length)
        self.context: int = min((n for n in limits if n and n < _UNLIMITED), default=77)
        # SigLIP was trained on rows padded to full length and has no mask: shorter rows would give other vectors.
        self._padding = "max_length" if str(self._model.config.model_type).startswith("siglip") else "longest"

    def embed_images(self, images: Sequence[bytes]) -> Vectors:
        """Embed JPEG or PNG bytes: float32 [n, d], rows of unit norm. Raises PermanentError `unreadable_picture`."""
        return self._batches(images, self._image_vectors)

    def raw_image_vectors(self, images: Sequence[bytes]) -> Vectors:
        """Like `embed_images`, but rows have the length that the model gives them."""
        return self._batches(images, self._image_vectors, unit=False)

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed texts: float32 [n, d], rows of unit norm. A text that is longer than the model's context is cut."""
        return self._batches(texts, self._text_vectors)

    def _image_vectors(self, images: Sequence[bytes]) -> Any:
        pictures = [presentable(decode_picture(image)) for image in images]
        inputs = self._pictures(images=pictures, return_tensors="pt")
        return self._model.get_image_features(**inputs.to(self._device))

    def _text_vectors(self, texts: Sequence[str]) -> Any:
        inputs = self._tokenizer(
            [text.encode("utf-8", "replace").decode("utf-8") for text in texts],  # lone surrogates
            padding=self._padding,
            truncation=True,
            max_length=self.context,
            return_tensors="pt",
        )
        return self._model.get_text_features(**inputs.to(self._device))

    def _batches(self, items: Sequence[Any], embed: Callable[[Sequence[Any]], Any], unit: bool = True) -> Vectors:
        parts: list[Vectors] = []
        for start in range(0, len(items), self._batch):
            part = items[start : start + self._batch]
            try:
                with self._lock, torch.inference_mode(), threads(self._threads):
                    output = embed(part)
                    # Transformers 5 returns an object, transformers 4 returned the tensor.
                    vectors = getattr(output, "pooler_output", output).float()
                    vectors = torch.nn.functional.normalize(vectors, dim=-1) if unit else vectors
                    parts.append(vectors.cpu().numpy())
            except torch.OutOfMemoryError as error:
                raise TransientError("out_of_memory", f"{len(part)} items for {self.name}") from error
        if not parts:
            return np.zeros((0, self._width()), dtype=np.float32)
        return np.concatenate(parts)

    def _width(self) -> int:
        config = self._model.config
        return int(getattr(config, "projection_dim", None) or config.get_text_config().hidden_size)


def _load(config: TransformersClipConfig) -> tuple[Any, Any, Any]:
    """Model, tokenizer, and the image processor that needs only Pillow."""
    where, revision = config.model, weights_revision(config.model, config.revision)
    with quiet_loading():
        tokenizer: Any = AutoTokenizer.from_pretrained(where, revision=revision, trust_remote_code=False)
        pictures = _AutoImageProcessor.from_pretrained(where, revision=revision, backend="pil", trust_remote_code=False)
        model = load_weights(AutoModel, where, revision=revision)
    return model.to(config.device).eval(), tokenizer, pictures
