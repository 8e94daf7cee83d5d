"""Reads the files of formats back: plainly, by records, in bounded memory. They may come from anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, TextIO, TypeVar

import pyarrow.parquet as pq

Record = dict[str, Any]
T = TypeVar("T")
_LONGEST_LINE = 64 * 2**20  # characters
_BATCH = 16


class NotRecords(ValueError):
    """A file that does not hold what it should; the message says where."""


def read_json(path: Path) -> Any:
    """The value of a small JSON file. Raises NotRecords."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise NotRecords(f"cannot be read as JSON: {type(error).__name__}") from error


def read_lines(path: Path) -> Iterator[Record]:
    """The records of a file with one a line. Raises NotRecords."""
    for number, line in _lines(path):
        yield _record(line, number)


def read_array(path: Path) -> Iterator[Record]:
    """The records of a JSON array with one a line, as `write_array` writes it. Raises NotRecords."""
    state = "start"
    for number, line in _lines(path):
        if state == "start" and line == "[":
            state = "open"
        elif (state == "start" and line == "[]") or (state == "open" and line == "]"):
            state = "closed"
        elif state == "open":
            yield _record(line.removesuffix(","), number)
        else:
            raise NotRecords(f"line {number}: not a JSON array with one record a line")
    if state != "closed":
        raise NotRecords("the array has no end")


def read_rows(paths: Iterable[Path]) -> Iterator[Record]:
    """The rows of Parquet files; pages are checked by their checksums. Raises OSError and pyarrow.ArrowException."""
    for path in paths:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            for batch in file.iter_batches(_BATCH):
                yield from batch.to_pylist()


def inside(folder: Path, name: str) -> Path:
    """The path of a name that a file of the folder gives. Raises NotRecords when it leads out of the folder."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise NotRecords(f"a path leads out of the folder: {name[:60]!r}")
    return path


def side_by_side(expected: Iterable[T], found: Iterable[Record]) -> Iterator[tuple[T, Record]]:
    """What is expected, each beside its record. Raises NotRecords when one of them has fewer."""
    end = object()
    for number, (wanted, record) in enumerate(zip_longest(expected, found, fillvalue=end)):
        if wanted is end or record is end:
            raise NotRecords(f"{number} records, {'more' if wanted is not end else 'fewer'} are expected")
        yield wanted, record  # type: ignore[misc]


def first(problems: Iterable[str], most: int = 20) -> list[str]:
    """At most some problems, and a word where there are more."""
    found = list(islice(problems, most + 1))
    return found if len(found) <= most else [*found[:most], "and more"]


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with path.open(encoding="utf-8", newline="\n") as stream:
        number = 0
        while line := _line(stream, number + 1):
            number += 1
            if not line.endswith("\n"):
                raise NotRecords(f"line {number} has no end")
            yield number, line[:-1]


def _line(stream: TextIO, number: int) -> str:
    try:
        return stream.readline(_LONGEST_LINE)
    except UnicodeDecodeError as error:
        raise NotRecords(f"line {number} or the next ones: not text in UTF-8") from error


def _record(line: str, number: int) -> Record:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise NotRecords(f"line {number}: not JSON") from error
    if not isinstance(value, dict):
        raise NotRecords(f"line {number}: not a record")
    return value
