"""Languages by their tags, which files and publishers write in several ways: `en`, `eng`, `en-US`, `en_GB`."""

from __future__ import annotations

import re

UNKNOWN = "und"  # the tag of what is in an unknown language
_PARTS = re.compile("[-_]")
_LONGEST = 64


def language_of(tag: str) -> str | None:
    """The language that a tag begins with, by its shortest code (ISO 639): `de` for `de-AT`, `deu` and `ger`.

    None for UNKNOWN and for what names no language.
    """
    from langcodes import Language  # reads its tables: only where a tag is looked at
    from langcodes.tag_parser import LanguageTagError

    try:
        found = Language.get(_PARTS.split(tag.strip()[:_LONGEST])[0])
    except LanguageTagError:
        return None
    return found.language if found.language is not None and found.is_valid() else None


def is_in(tag: str, wanted: str) -> bool:
    """Whether a tag names the wanted language: `en` takes `eng` and `en-US`, and `en-GB` takes `en_gb` alone."""
    own, asked = ("-".join(_PARTS.split(one.strip().casefold())) for one in (tag, wanted))
    if own == asked or own.startswith(f"{asked}-"):
        return True
    language = language_of(wanted) if "-" not in asked else None
    return language is not None and language_of(tag) == language
