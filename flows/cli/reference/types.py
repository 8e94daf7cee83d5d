"""Types of Python as words for people who read JSON and YAML."""

from __future__ import annotations

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

_WORDS = {str: "text", int: "integer", float: "number", bool: "true or false", type(None): "null", Any: "any value"}


def type_name(kind: Any) -> str:
    """The type as words: `integer or null`, `list of text`, `"pyav" or "decord"`, or the name of a class."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return type_name(arguments[0])
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(type_name(each) for each in arguments))
    if origin is Literal:
        return " or ".join(f'"{each}"' if isinstance(each, str) else str(each).lower() for each in arguments)
    if origin in (tuple, list, frozenset, set):
        return f"list of {type_name(arguments[0])}" if arguments else "list"
    if origin is dict or (origin is not None and hasattr(origin, "keys")):
        return f"mapping of {type_name(arguments[1])}"
    if kind in _WORDS:
        return _WORDS[kind]
    return str(getattr(kind, "__name__", kind))
