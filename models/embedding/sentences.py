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
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.hub import weights_revision
from models.identity import checkpoint_errors, name_of, revision_of
from models.weights import load_weights, quiet_loading
from schemas.configuration.model_config import TransformersEmbedder as TransformersConfig

_WORD = re.compile(r"\w+")
_BATCH = 32
_LONGEST_KEPT = 40  # characters of a word whose features are remembered; some languages write no spaces


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
            if len(hashes := _hashes(text)):
                distinct, first, counts = np.unique(hashes, return_index=True, return_counts=True)
                order = np.argsort(first)  # sums of float32 depend on their order: that of the text
                distinct, weights = distinct[order], _weights(int(counts.max()))[counts[order]]
                places = (distinct >> np.uint64(1)) % np.uint64(self._dimensions)
                np.add.at(vectors[row], places.astype(np.intp), np.where(distinct & np.uint64(1), weights, -weights))
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


def _hashes(text: str) -> NDArray[np.uint64]:
    """The hashes of a text's features in their order, words first. A hash stands for its feature."""
    words = _WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    if not words:
        return np.zeros(0, np.uint64)
    pairs = [_hash(f"p {first} {second}") for first, second in itertools.pairwise(words)]
    known = [_of_word(word) if len(word) <= _LONGEST_KEPT else _new_word(word) for word in words]
    return np.concatenate([*known, np.array(pairs, np.uint64)])


def _new_word(word: str) -> NDArray[np.uint64]:
    """The hashes of a word and of its character 3- to 5-grams."""
    bordered = f" {word} "
    grams = (f"c {bordered[start : start + n]}" for n in (3, 4, 5) for start in range(len(bordered) - n + 1))
    return np.array([_hash(feature) for feature in (f"w {word}", *grams)], np.uint64)


# Words repeat; a larger cache would take tens of megabytes and save little.
_of_word = functools.lru_cache(maxsize=1 << 13)(_new_word)


def _hash(feature: str) -> int:
    return int.from_bytes(hashlib.blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


@functools.lru_cache(maxsize=8)
def _weights(most: int) -> NDArray[np.float32]:
    """The weights of the counts 0 (which no feature has) to `most`."""
    return np.array([0.0, *(1 + math.log(count) for count in range(1, most + 1))], np.float32)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: NDArray[np.float32] = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    return unit
