"""CLIP by open_clip (extra `clip`). open_clip and torchvision are imported only when a model is loaded."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from models.clip import Vectors
from models.decode_picture import decode_picture, presentable
from models.identity import broken_weights, name_of, open_clip_identity
from schemas.configuration.model_config import OpenClip as OpenClipConfig
from schemas.errors import ConfigError, TransientError
from schemas.kit.blame import blame, is_shortage


class OpenClip:
    """A CLIP in this process, loaded by open_clip. Threads may share it: one batch runs at a time."""

    def __init__(self, config: OpenClipConfig) -> None:
        """Load the weights, as safetensors or as plain tensors only: a pickle would run its author's code.

        Raises ConfigError when open_clip or torchvision cannot be imported, or when open_clip has no such model or
        no such weights, or they are damaged or hold more than tensors.
        """
        with open_clip_errors(config):
            import open_clip

            self._model, self._prepare = open_clip.create_model_from_pretrained(
                config.model, pretrained=config.pretrained, device=config.device, weights_only=True
            )
            self._tokenize: Callable[[list[str]], Any] = open_clip.get_tokenizer(config.model)
        from models.torch_threads import threads_for

        self._model.eval()
        self._batch, self._device = config.batch, config.device
        self._threads = threads_for(self._model, config.device)
        self._lock = threading.Lock()
        self.name = "-".join(("open_clip", *open_clip_identity(config)))

    def embed_images(self, images: Sequence[bytes]) -> Vectors:
        """Embed JPEG or PNG bytes: float32 [n, d], rows of unit norm. Raises PermanentError `unreadable_picture`."""
        return self._batches(images, self._image_vectors)

    def raw_image_vectors(self, images: Sequence[bytes]) -> Vectors:
        """Like `embed_images`, but rows have the length that the model gives them."""
        return self._batches(images, lambda part: self._image_vectors(part, unit=False))

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed texts: float32 [n, d], rows of unit norm. open_clip's tokenizers cut a text at the model's context."""
        return self._batches(texts, self._text_vectors)

    def _image_vectors(self, images: Sequence[bytes], unit: bool = True) -> Any:
        import torch

        pictures = torch.stack([self._prepare(presentable(decode_picture(image))) for image in images])
        return self._model.encode_image(pictures.to(self._device), normalize=unit)

    def _text_vectors(self, texts: Sequence[str]) -> Any:
        tokens = self._tokenize([text.encode("utf-8", "replace").decode("utf-8") for text in texts])
        return self._model.encode_text(tokens.to(self._device), normalize=True)

    def _batches(self, items: Sequence[Any], embed: Callable[[Sequence[Any]], Any]) -> Vectors:
        import torch

        from models.torch_threads import threads

        parts: list[Vectors] = [np.zeros((0, 0), dtype=np.float32)]
        for start in range(0, len(items), self._batch):
            part = items[start : start + self._batch]
            try:
                with self._lock, torch.inference_mode(), threads(self._threads):
                    parts.append(embed(part).float().cpu().numpy())
            except torch.OutOfMemoryError as error:
                raise TransientError("out_of_memory", f"{len(part)} items for {self.name}") from error
        return np.concatenate(parts[1:]) if len(parts) > 1 else parts[0]


@contextmanager
def open_clip_errors(config: OpenClipConfig) -> Iterator[None]:
    """Turn the errors of open_clip, while it is imported and while it loads, into ConfigError.

    Those of the machine stay as they are. The message for a failed import names the extra `clip`.
    """
    wrong: tuple[type[Exception], ...] = (RuntimeError, OSError, ValueError, KeyError, EOFError, *broken_weights())
    try:
        yield
    except ImportError as error:
        raise ConfigError(f"open_clip cannot be imported ({error}): install the extra `clip`") from error
    except pickle.UnpicklingError as error:
        raise ConfigError(
            f"open_clip cannot load {name_of(config.pretrained)}: it holds more than tensors, or is damaged; a pickle "
            "would run its author's code, so store the weights as safetensors"
        ) from error
    except wrong as error:
        if blame(error) == "machine" or is_shortage(error):
            raise  # neither the weights nor the configuration are wrong
        first = str(error).strip().partition("\n")[0].replace(str(Path(config.pretrained).parent) + "/", "")
        if "torchvision::" in first:
            raise ConfigError(
                f"torchvision does not fit this torch ({first}): install the extra `clip` with matching builds of "
                "both, or use `engine: transformers`, which needs no torchvision"
            ) from error
        named = f"{name_of(config.model)} with {name_of(config.pretrained)}"
        raise ConfigError(f"open_clip cannot load {named}: {first}") from error
