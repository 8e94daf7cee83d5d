"""The contract of every parser of outside input: it gives a value, or raises a named error of this project."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.fuzzing.mutate import mutated
from schemas.errors import V2XumError

MOST_ITEMS = 100_000  # of an iterator that a parser gives; every input is smaller than that


class Parser(NamedTuple):
    """A reader of outside input.

    `read` gets the bytes and an empty folder. `seeds` are inputs, most of them valid, which examples are made of.
    `errors`: what `read` may raise. `examples`: how many of them a quick test draws.
    """

    name: str
    read: Callable[[bytes, Path], object]
    seeds: tuple[bytes, ...]
    errors: tuple[type[Exception], ...] = (V2XumError,)
    examples: int = 40


class Crash(Exception):
    """A parser broke its contract; the cause is the error that it raised."""


def example(parser: Parser, number: int) -> bytes:
    """The example `number` of a parser, the same at every call and on every machine."""
    chance = random.Random(f"{parser.name}:{number}")
    return mutated(parser.seeds, chance)


def try_out(parser: Parser, data: bytes) -> str | None:
    """Read `data`: the name of the error that the parser raised, None where it gave a value. Raises Crash."""
    with tempfile.TemporaryDirectory(prefix="v2xum-fuzz-") as folder:
        try:
            drain(parser.read(data, Path(folder)))
        except parser.errors as error:
            return type(error).__name__
        except Exception as error:
            raise Crash(f"{parser.name}: {type(error).__name__} for {data[:200]!r}") from error
    return None


def drain(value: object) -> None:
    """Take all that an iterator gives. Raises what it raises, and OverflowError where it has no end."""
    if isinstance(value, Iterator):
        for count, item in enumerate(value):
            if count > MOST_ITEMS:
                raise OverflowError("more items than any input has")
            drain(item)


def of_text(function: Callable[[str], object]) -> Callable[[bytes, Path], object]:
    """A parser of texts; bytes that are no UTF-8 become lone surrogates, as a model's or an old file's would."""
    return lambda data, _folder: function(data.decode("utf-8", "surrogateescape"))


def of_file(name: str, function: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    """A parser of files: the bytes lie in the file `name` of the folder."""

    def read(data: bytes, folder: Path) -> object:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return function(path)

    return read


def of_json(function: Callable[[Any], object]) -> Callable[[bytes, Path], object]:
    """A parser of values that a library has decoded: what is no JSON reaches it as a text."""
    import json

    def read(data: bytes, _folder: Path) -> object:
        text = data.decode("utf-8", "surrogateescape")
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = text
        return function(value)

    return read


def encoded(values: Iterable[object]) -> tuple[bytes, ...]:
    """Seeds of JSON values."""
    import json

    return tuple(json.dumps(value).encode() for value in values)
