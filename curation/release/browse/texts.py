"""Texts of a release as the browse page holds them: to show, and folded for search.

The page folds what people type in the same way (`v2xum.fold` in data/report/browse/text.js); a test compares the two.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from schemas.safe_text import plain

LONGEST = 20_000  # characters of a text on the page; the release has the whole text
# Accents of Latin, Greek and Cyrillic letters. Marks of other scripts are letters there, and stay.
_ACCENTS = re.compile("[\u0300-\u036f]")


def shown(value: Any, limit: int = LONGEST) -> str | None:
    """A text to show, as one line without control and direction characters; None for what is no text, or empty."""
    return plain(value[: 4 * limit], limit) or None if isinstance(value, str) else None


def number(value: Any) -> float | None:
    """A finite number; None for anything else. JSON has no other numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value


def fold(text: str) -> str:
    """A text for search: no capital letters, no accents, no compatibility forms, one space between words."""
    if text.isascii():
        return " ".join(text.lower().split())
    lower = unicodedata.normalize("NFKD", text).lower()
    plain_letters = unicodedata.normalize("NFC", _ACCENTS.sub("", lower)).replace("ς", "σ")
    return " ".join(plain_letters.split())


def search_text(texts: Iterable[str | None]) -> str:
    """Several texts as one for search. Line breaks stand between them, so that no phrase reaches over two."""
    return "\n".join(fold(text) for text in texts if text)
