"""Escapes any text for Markdown pages."""

from __future__ import annotations

import re

from schemas.safe_text import plain_line

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~!#$&@^=])|(?<=[a-zA-Z])(:)(?=//)|(?<=\b[wW]{3})(\.)")


class Markdown(str):
    """Markdown that this program made, which a template prints without escaping."""

    __slots__ = ()


def escape_markdown(text: str) -> str:
    """Text of unknown origin as inline Markdown that renders as `plain_line(text)`, in a table cell too."""
    return _SPECIAL.sub(lambda match: "\\" + match[0], plain_line(text))
