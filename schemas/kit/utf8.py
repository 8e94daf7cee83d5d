"""Text from outside in a form that UTF-8 can store: lone surrogates are found, and replaced.

Python keeps an undecodable byte of a file name or of a list as a lone surrogate. UTF-8, JSON and the ledger cannot
store such a character.
"""

from __future__ import annotations

import re

_SURROGATES = re.compile("[\ud800-\udfff]")
_QUOTED = 120
REPLACEMENT = "\ufffd"


def is_utf8(text: str) -> bool:
    """Whether UTF-8 can store the text as it is."""
    return _SURROGATES.search(text) is None


def lone_surrogate(text: str) -> int | None:
    """The position of the first lone surrogate; None where there is none."""
    found = _SURROGATES.search(text)
    return None if found is None else found.start()


def utf8_text(text: str) -> str:
    """The text with each lone surrogate replaced by U+FFFD."""
    return _SURROGATES.sub(REPLACEMENT, text)


def storable_text(text: str) -> str:
    """The text as every database takes it: lone surrogates and NUL, which PostgreSQL refuses, replaced by U+FFFD."""
    return utf8_text(text).replace("\x00", REPLACEMENT)


def quoted(text: str) -> str:
    """The text in quotation marks for an error message: at most 120 characters of it, control characters escaped."""
    return utf8_text(repr(text if len(text) <= _QUOTED else f"{text[:_QUOTED]}..."))
