r"""Texts without their time marks: what text metrics and text encoders read.

A mark is what `schemas.temporal` reads as one: a bracket of numbers, placeholders and commas (`[3.0]`, `[09]`,
`[<f0>]`, `[08, 09]`) that no backslash precedes. A bracket with a backslash is text and loses one backslash.
"""

from __future__ import annotations

import re

_BRACKET = r"\[[\s,.<>f+-]*[0-9][0-9\s,.<>f+e-]*\]"  # that of schemas/temporal.py
_MARK = re.compile(rf"(?<!\\){_BRACKET}", re.ASCII)
_ESCAPED = re.compile(rf"\\(\\*{_BRACKET})", re.ASCII)
_FULL_STOP = (".", "!", "?")


def has_marks(text: str) -> bool:
    """Whether there is a time mark in it."""
    return _MARK.search(text) is not None


def strip_marks(text: str) -> str:
    """The text without time marks, its sentences one space apart.

    A full stop directly after a mark (`Sentence [08, 09].`) goes to the sentence before. A text without marks only
    loses the white space around it. Of a text that `schemas.temporal` wrote, in any form and dialect, these are the
    sentences.
    """
    kept = ""
    for part in _MARK.split(text):
        words = part.strip()
        if not words:
            continue
        glued = part.startswith(_FULL_STOP) and not kept.endswith(_FULL_STOP)
        kept += words if glued or not kept else " " + words
    return _ESCAPED.sub(r"\1", kept)
