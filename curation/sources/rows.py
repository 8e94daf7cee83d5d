"""The rows of a list as its readers give them, and the lines of a text file with their numbers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

MAX_LINE = 1 << 20


class Row(NamedTuple):
    """One row: its 1-based number (a line in .txt and .jsonl, a data row elsewhere), its columns, and in a table of
    text the 1-based line on which it begins.
    """

    number: int
    values: Mapping[str, Any]
    line: int | None = None


class BadRow(NamedTuple):
    """A row that cannot be read: its 1-based number, the reason slug, the evidence, its text, and its line as in Row.

    The text may be cut. It tells rows apart, and no message repeats it.
    """

    number: int
    reason: str
    evidence: str
    text: str = ""
    line: int | None = None


Rows = Iterator[Row | BadRow]


class Line(NamedTuple):
    """A line with its ending; `whole` is false for the first 2**20 characters of a longer one."""

    number: int
    text: str
    whole: bool


class Lines:
    """Reads a text file line by line. Lines can be put back, to be read again as the beginning of another row.

    Lines end with a line feed, a carriage return or both. A byte that is not UTF-8 becomes a lone surrogate. A line of
    more than 2**20 characters is cut, and never in memory as a whole.
    """

    def __init__(self, path: Path) -> None:
        """Open the file. Raises OSError."""
        self._stream = path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")
        self._ahead: deque[Line] = deque()
        self._number = 0

    def __enter__(self) -> Lines:
        """Use as a context manager, so that the file is closed."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._stream.close()

    def next(self) -> Line | None:
        """The next line; None at the end of the file."""
        if self._ahead:
            return self._ahead.popleft()
        text = self._stream.readline(MAX_LINE)
        if not text:
            return None
        self._number += 1
        whole = len(text) < MAX_LINE or text.endswith(("\n", "\r"))
        if not whole:
            while (rest := self._stream.readline(MAX_LINE)) and not rest.endswith(("\n", "\r")):
                pass
        return Line(self._number, text, whole)

    def put_back(self, lines: Sequence[Line]) -> None:
        """Let `next` give these lines again, in their order."""
        self._ahead.extendleft(reversed(lines))

    def __iter__(self) -> Iterator[Line]:
        while (line := self.next()) is not None:
            yield line
