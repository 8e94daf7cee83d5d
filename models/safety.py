"""The protocols of engines that score pictures before a dataset is published: faces and nudity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

MOST_FACES = 500  # of a picture, in a record


class Face(NamedTuple):
    """How sure the engine is of a face (0..1), and the upright box around it.

    The box is in shares of the picture's width (`left`, `right`) and height (`top`, `bottom`), from 0 to 1.
    """

    confidence: float
    left: float
    top: float
    right: float
    bottom: float


class FaceFinder(Protocol):
    """Finds faces in pictures. Threads may share it."""

    name: str
    revision: str

    def find(self, image: bytes) -> tuple[Face, ...]:
        """The faces of a picture (JPEG or PNG bytes), from left to right, then from top to bottom.

        An engine may end beyond MOST_FACES of them. Raises PermanentError `unreadable_picture` for bytes that are no
        picture.
        """
        ...


class NudityScorer(Protocol):
    """Scores nudity in pictures. Threads may share it."""

    name: str
    revision: str

    def score(self, images: Sequence[bytes]) -> list[float]:
        """How likely each picture (JPEG or PNG bytes) shows nudity, from 0 to 1, in the order of the pictures.

        Raises PermanentError `unreadable_picture` for bytes that are no picture.
        """
        ...
