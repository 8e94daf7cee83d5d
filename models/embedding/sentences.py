"""Sentence embedders, which find near-duplicate texts.

`NgramEmbedder` compares words and letters, gives the same numbers everywhere and needs no weights.
`TransformersEmbedder` averages the last hidden states of an encoder.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import math
import re
import threading
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.hub import weights_revision
from models.identity import checkpoint_errors, name_of, revision_of
from models.weights import load_weights, quiet_loading
from schemas.configuration.model_config import TransformersEmbedder as TransformersConfig

_WORD = re.compile(r"\w+")
_BATCH = 32


class NgramEmbedder:
    """Embeds a text by its words, word pairs and character 3- to 5-grams (within words, whose ends are marked).

    Features are hashed with a sign (Weinberger et al., 2009) by BLAKE2b, so that the numbers are the same in every
    process and on every machine. A feature with count c has the weight 1 + ln c.
    """

    def __init__(self, dimensions: int) -> None:
        """`dimensions` is the length of the vectors."""
        self._dimensions = dimensions
        self.name = f"ngram-{dimensions}.v1"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts: float32 [len(texts), dimensions], rows of unit norm; a text without words is a row of zeros."""
        vectors = np.zeros((len(texts), self._dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            for feature, count in Counter(_features(text)).items():
                place, sign = _hashed(feature, self._dimensions)
                vectors[row, place] += sign * (1 + math.log(count))
        return _unit(vectors)


class TransformersEmbedder:
    """Embeds a text by the mean of an encoder's last hidden states over the text's own tokens (without padding)."""

    def __init__(self, config: TransformersConfig) -> None:
        """Load the encoder. Raises ConfigError when it is missing or broken, or when the extra `local` is missing."""
        with checkpoint_errors(config.model):
            from transformers import AutoModel, AutoTokenizer

            revision = revision_of(config.model, config.revision)
            commit = weights_revision(config.model, config.revision)
            with quiet_loading():
                self._tokenizer: Any = AutoTokenizer.from_pretrained(
                    config.model, revision=commit, trust_remote_code=False
                )
                # A pooler comes after the hidden states that are averaged here; many checkpoints have none.
                model = load_weights(AutoModel, config.model, revision=commit, unused=("pooler.",))
            self._model: Any = model.to(config.device).eval()
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self._lock = threading.Lock()
        self._device = config.device
        self.name = f"transformers-{name_of(config.model)}-{revision[:12]}"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts: float32 [len(texts), hidden size], rows of unit norm; a text without words is a row of zeros."""
        vectors = np.zeros((len(texts), int(self._model.config.get_text_config().hidden_size)), dtype=np.float32)
        with_words = [i for i, text in enumerate(texts) if _WORD.search(text)]
        for start in range(0, len(with_words), _BATCH):
            rows = with_words[start : start + _BATCH]
            vectors[rows] = self._pooled([texts[i] for i in rows])
        return _unit(vectors)

    def _pooled(self, texts: Sequence[str]) -> NDArray[np.float32]:
        import torch

        with self._lock, torch.inference_mode():
            inputs = self._tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt").to(self._device)
            states = self._model(**inputs).last_hidden_state.float()
            mask = inputs["attention_mask"].unsqueeze(-1).to(states.dtype)
            mean = (states * mask).sum(1) / mask.sum(1).clamp(min=1)
        pooled: NDArray[np.float32] = mean.cpu().numpy()
        return pooled


def _features(text: str) -> Iterator[str]:
    words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    for word in words:
        yield f"w {word}"
        bordered = f" {word} "
        for n in (3, 4, 5):
            for start in range(len(bordered) - n + 1):
                yield f"c {bordered[start : start + n]}"
    for first, second in itertools.pairwise(words):
        yield f"p {first} {second}"


@functools.lru_cache(maxsize=1 << 13)  # words repeat; a larger cache would take tens of megabytes and save little
def _hashed(feature: str, dimensions: int) -> tuple[int, float]:
    """The column and the sign (1 or -1) of a feature."""
    number = int.from_bytes(hashlib.blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
    return (number >> 1) % dimensions, 1.0 if number & 1 else -1.0


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    return unit
