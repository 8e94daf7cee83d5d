"""The protocol of engines that read text in pictures."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class ReadLine(NamedTuple):
    """A line of text, how sure the engine is of it (0..1), and the box around it in shares of width and height."""

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
        """The lines of a picture (JPEG bytes), from top to bottom, then from left to right."""
        ...
