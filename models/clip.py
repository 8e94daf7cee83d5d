"""The protocols of vision towers, and of every CLIP, whose vectors of pictures and texts can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class Tower(Protocol):
    """Turns pictures into vectors. Threads may share it."""

    @property
    def name(self) -> str:
        """Engine, model and revision, joined by hyphens."""
        ...

    def raw_image_vectors(self, images: Sequence[bytes]) -> Vectors:
        """Embed JPEG or PNG bytes: float32 [n, d], rows of the length that the model gives them."""
        ...


class Clip(Tower, Protocol):
    """Embeds pictures and texts; the inner product of two vectors says how well they fit. Threads may share it."""

    def embed_images(self, images: Sequence[bytes]) -> Vectors:
        """Embed JPEG or PNG bytes: float32 [n, d], rows of unit norm."""
        ...

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Embed texts: float32 [n, d], rows of unit norm. A text that is longer than the model's context is cut."""
        ...
