"""The protocol of every CLIP: vectors of pictures and of texts that can be compared with each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class Clip(Protocol):
    """Embeds pictures and texts; the inner product of two vectors says how well they fit. Threads may share it."""

    @property
    def name(self) -> str:
        """Engine, model and revision, joined by hyphens."""
        ...

    def embed_images(self, images: Sequence[bytes]) -> Vectors:
        """Embed JPEG or PNG bytes: float32 [n, d], rows of unit norm."""
        ...

    def raw_image_vectors(self, images: Sequence[bytes]) -> Vectors:
        """Embed JPEG or PNG bytes: float32 [n, d], rows of the length that the model gives them."""
        ...

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed texts: float32 [n, d], rows of unit norm. A text that is longer than the model's context is cut."""
        ...
