"""Pictures and texts in one space: the protocol behind which any CLIP stands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


class Clip(Protocol):
    """Embeddings of pictures and texts whose inner product says how well they go together. Threads may share it."""

    @property
    def name(self) -> str:
        """Engine, model and revision in one word."""
        ...

    def embed_images(self, images: Sequence[bytes]) -> Vectors:
        """JPEG or PNG bytes to float32 [n, d], rows of unit norm."""
        ...

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Texts to float32 [n, d], rows of unit norm; what exceeds the model's context is cut at its end."""
        ...
