"""The protocol of engines that read text in pictures."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class ReadLine(NamedTuple):
    """A line of text, how sure the engine is of it (0..1), and the upright box around it.

    The box is in shares of the picture's width (`left`, `right`) and height (`top`, `bottom`), from 0 to 1.
    """

    text: str
    confidence: float
    left: float
    top: float
    right: float
    bottom: float


class TextReader(Protocol):
    """Reads text in pictures. Threads may share it."""

    name: str
    revision: str

    def read(self, image: bytes) -> tuple[ReadLine, ...]:
        """The lines of a picture (JPEG bytes), from top to bottom, then from left to right.

        Raises PermanentError `unreadable_picture` for bytes that are no picture.
        """
        ...
