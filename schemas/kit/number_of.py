"""A number with its noun, in the form that fits: 1 video, 2 videos, 1,204 replies."""

from __future__ import annotations


def number_of(count: int, noun: str) -> str:
    """The count and the noun, in the plural unless the count is 1. For nouns that take `s`, or `ies` for `y`."""
    if count == 1:
        return f"1 {noun}"
    return f"{count:,} {noun[:-1]}ies" if noun.endswith("ly") else f"{count:,} {noun}s"
