"""The page of the Python API, from the signatures and docstrings of the package `v2xum`."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from typing import Any

from flows.cli.reference.markdown import page


def render() -> str:
    """The page: a section for every public name, classes with their public members."""
    api = importlib.import_module("v2xum")  # it is above this package: only its docstrings are read
    about = (
        "Every public name of `import v2xum`, with its docstring. [From Python](../guides/python.md) has examples. "
        "Times are in seconds; paths are text or `pathlib.Path`."
    )
    sections = (part for name in api.__all__ for part in _described(f"v2xum.{name}", getattr(api, name), "##"))
    return page("Python API", about, *sections)


def _described(name: str, value: Any, level: str) -> Iterator[str]:
    yield f"{level} {name}"
    if inspect.isclass(value):
        yield from _text(value.__doc__)
        for member, each in vars(value).items():
            if not member.startswith("_") and (inspect.isfunction(each) or isinstance(each, property | classmethod)):
                yield from _described(f"{value.__name__}.{member}", each, f"{level}#")
        return
    function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
    if not isinstance(value, property):
        yield f"```text\n{_signature(name, function)}\n```"
    yield from _text(function.__doc__)


def _signature(name: str, function: Any) -> str:
    """The signature with a line for each parameter where it is long, without `self`."""
    signature = inspect.signature(function)
    parameters = [str(each) for key, each in signature.parameters.items() if key not in ("self", "cls")]
    if len(parameters) > 2:
        keyword_only = [each.kind is inspect.Parameter.KEYWORD_ONLY for each in signature.parameters.values()]
        if True in keyword_only:
            parameters.insert(len(parameters) - sum(keyword_only), "*")
        inside = "".join(f"\n    {each}," for each in parameters) + "\n"
    else:
        inside = ", ".join(parameters)
    answer = "" if signature.return_annotation is inspect.Signature.empty else f" -> {signature.return_annotation}"
    return f"{name}({inside}){answer}".replace("'", "")


def _text(docstring: str | None) -> Iterator[str]:
    """A docstring as Markdown: its paragraphs as they are, without indentation, and no HTML."""
    if docstring:
        yield inspect.cleandoc(docstring).replace("<", "&lt;")
