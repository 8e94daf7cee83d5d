"""The parts that pages of the reference are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

HEAD = "<!-- Made from the code by `python -m flows.cli.reference`. Do not edit. -->\n"


def page(title: str, *parts: str) -> str:
    """A whole page: the title, and parts with an empty line between them."""
    return "\n\n".join([HEAD + f"# {title}", *(part.strip("\n") for part in parts if part)]) + "\n"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table. Its cells are Markdown of ours; a bar in one would end the cell, and is escaped."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def code(text: str) -> str:
    """Inline code; nothing for an empty text."""
    return f"`{text}`" if text else ""


def sentence(docstring: str | None) -> str:
    """A docstring as one paragraph of Markdown."""
    return re.sub(r"\s+", " ", (docstring or "").strip()).replace("<", "&lt;")
