r"""Time marks in texts: finds, escapes and removes the brackets that stand for times.

A mark is a bracket of numbers, placeholders and commas (`[3.0]`, `[09]`, `[<f0>]`, `[08, 09]`) that no backslash
precedes. A bracket with a backslash is text, and loses one backslash when it is read. `schemas.temporal` reads what the
marks mean; text metrics and text encoders need the text without marks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_INSIDE = r"[\s,.<>f+-]*[0-9][0-9\s,.<>f+e-]*"
_BRACKET = re.compile(rf"(?<!\\)(\\*)\[({_INSIDE})\]", re.ASCII)
_MARK = re.compile(rf"(?<!\\)\[{_INSIDE}\]", re.ASCII)
FULL_STOPS = (".", "!", "?")


def marks_in(text: str) -> list[re.Match[str]]:
    """The marks of a text in order. Group 2 of a match is what stands between the brackets."""
    return [bracket for bracket in _BRACKET.finditer(text) if not bracket[1]]


def lines_of(text: str, marks: Iterable[re.Match[str]]) -> Iterator[tuple[int, re.Match[str]]]:
    """Each mark with the line, from 1, in which it begins, for marks in the order of the text. Reads the text once."""
    line, counted = 1, 0
    for mark in marks:
        line, counted = line + text.count("\n", counted, mark.start()), mark.start()
        yield line, mark


def has_marks(text: str) -> bool:
    """Whether the text has a time mark."""
    return _MARK.search(text) is not None


def escape_marks(text: str) -> str:
    """The text with one backslash more before every bracket that could be read as a mark."""
    return _BRACKET.sub(lambda bracket: "\\" + bracket[0], text)


def unescape_marks(text: str) -> str:
    """The text with one backslash less before every such bracket that has one: the inverse of `escape_marks`."""
    return _BRACKET.sub(lambda bracket: bracket[0][1:] if bracket[1] else bracket[0], text)


def strip_marks(text: str) -> str:
    """The text without time marks, with one space between its sentences.

    A full stop directly after a mark (`Sentence [08, 09].`) goes to the sentence before the mark; where that sentence
    has one already (`Sentence. [08, 09].`), it is left out. A text without marks only loses the white space at its
    ends. For a text that `schemas.temporal` wrote, in any form and dialect, the result is its sentences.
    """
    parts = _MARK.split(text)
    after_sentences = bool(parts[0].strip())  # the dialect `lists`: elsewhere a full stop after a mark is a sentence
    kept = ""
    for part in parts:
        if after_sentences and part.startswith(FULL_STOPS) and not part.startswith("...") and kept.endswith(FULL_STOPS):
            part = part[1:]
        words = part.strip()
        if not words:
            continue
        glued = part.startswith(FULL_STOPS) and not kept.endswith(FULL_STOPS)
        kept += words if glued or not kept else " " + words
    return unescape_marks(kept)


def line_number(text: str, position: int) -> int:
    """The line, from 1, in which a position of the text lies."""
    return text.count("\n", 0, position) + 1
