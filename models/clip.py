"""The protocols of models that look at pictures: towers, every CLIP, and trained summarizers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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


class Extractor(Protocol):
    """A trained summarizer that looks at frames. Threads may share it."""

    @property
    def name(self) -> str:
        """The name of its folder."""
        ...

    @property
    def revision(self) -> str:
        """The hash of its files (64 hex)."""
        ...

    @property
    def reads_speech(self) -> bool:
        """Whether it is told what is said."""
        ...

    def choose(
        self, pictures: Iterator[bytes], said: Sequence[str] = ()
    ) -> tuple[tuple[int, ...], NDArray[np.float32]]:
        """The keyframes among the F pictures of a video (JPEG, by time), ascending, and a score 0..1 of each, [F].

        `said`: what is said while each of them is shown ("" for nothing), for one that reads it.
        """
        ...


def tower_vectors(tower: Tower, pictures: Iterator[bytes], batch: int = 256) -> Vectors:
    """The vectors of pictures, which are read a few at a time."""
    parts: list[Vectors] = []
    some: list[bytes] = []
    for picture in pictures:
        some.append(picture)
        if len(some) == batch:
            parts.append(tower.raw_image_vectors(some))
            some = []
    if some or not parts:
        parts.append(tower.raw_image_vectors(some))
    return np.concatenate(parts)
