"""Reads values of rows that anybody may have written: what is not there, or is no structure, is nothing."""

from __future__ import annotations

from typing import Any


def value_of(structure: Any, name: str) -> Any:
    """The value of a name in a structure; None where there is none."""
    return structure.get(name) if isinstance(structure, dict) else None


def list_of(structure: Any, name: str) -> list[Any]:
    """The list of a name in a structure; an empty one where there is none."""
    return list(value_of(structure, name) or ())
