"""Reads and checks records from JSON files of unknown quality. An error names file and row and affects one record."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evaluation.cases import Flags, Floats, Reference, References
from schemas.documents.evaluation import Problem
from schemas.errors import ConfigError
from schemas.kit.utf8 import utf8_text

MAX_FRAMES = 1_000_000  # 11 days at 1 fps
_LONGEST_ID = 500
_LINES = (".jsonl", ".ndjson")


class BadRecord(ValueError):
    """A record cannot be used. `reason`: a short slug; `detail`: what is wrong."""

    def __init__(self, reason: str, detail: str) -> None:
        """Keep slug and detail as attributes."""
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


class Object(dict[str, Any]):
    """A JSON object. `repeated`: the keys that it has more than once."""

    repeated: tuple[str, ...] = ()


class Row(NamedTuple):
    """A record of a file: its place, from 1 (in JSON lines the line), and its key where the file is one object."""

    number: int
    key: str | None
    value: Any


def load_rows(path: Path) -> list[Row]:
    """Read the records of a JSON array, of an object by id, or of JSON lines.

    Numbers beyond the range of a float become infinite and `NaN` is accepted; the reader of the record refuses them.
    Raises ConfigError, which names file and line, for text that is not JSON.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}, line {line}: this is no UTF-8 text") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from error
    if path.suffix.lower() in _LINES:
        return _lines(path, text)
    try:
        value = _parse(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and error.lineno > 1:
            return _lines(path, text)
        raise ConfigError(f"{path}, line {error.lineno}: this is no JSON: {error.msg}") from None
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply") from None
    if isinstance(value, list):
        return [Row(number, None, item) for number, item in enumerate(value, 1)]
    if not isinstance(value, Object):
        raise ConfigError(f"{path}: neither a list of records nor an object of them")
    rows = [Row(number, key, item) for number, (key, item) in enumerate(value.items(), 1)]
    return rows + [Row(0, key, None) for key in value.repeated]


def printable(text: object, limit: int = 200) -> str:
    r"""A value from a file as a message shows it: one line of at most `limit` characters and `...`.

    Characters that are not printable become escapes (`\x0a`), so that the message shows the file's exact content; the
    functions of schemas/safe_text.py would remove them.
    """
    plain = str(text).encode("utf-8", "backslashreplace").decode()
    line = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in plain[:limit])
    return line + ("..." if len(plain) > limit else "")


def record_id(path: Path, row: Row, *keys: str) -> str:
    """The id under the first of `keys` that the record has, else the row's own key.

    Raises ConfigError, which names file and row: a record without id belongs to no video, so it cannot be counted.
    """
    id_: Any = row.key
    if isinstance(row.value, Object):
        id_ = next((row.value[key] for key in keys if key in row.value), row.key)
    if not isinstance(id_, str) or not id_.strip() or len(id_) > _LONGEST_ID:
        wanted = " or ".join(keys) or "a key"
        raise ConfigError(f"{path}, record {row.number}: no id ({wanted} must be text, not {printable(repr(id_), 60)})")
    return id_.encode("utf-8", "backslashreplace").decode()


def read_all(
    path: Path,
    rows: Iterable[Row],
    id_of: Callable[[Row], str],
    parse: Callable[[str, Object], Reference],
    join: Callable[[Reference, Reference], Reference | None] = lambda first, second: None,
) -> References:
    """Parse every record by `parse`. A refused record and a second record of an id are left out and reported.

    `join`: the reference of the records before and that of a further record of the id as one, or None where the two
    contradict each other.
    """
    items: dict[str, Reference] = {}
    problems: list[Problem] = []
    for row in rows:
        id_ = id_of(row)
        again = left_out(id_, "duplicate_id", f"again as record {row.number} of {path.name}")
        if row.number == 0:
            problems.append(again)
            continue
        try:
            item = parse(id_, as_object(row.value))
            joined = join(items[id_], item) if id_ in items else item
            if joined is None:
                problems.append(again)
            else:
                items[id_] = joined
        except BadRecord as error:
            problems.append(left_out(id_, error.reason, f"record {row.number}: {error.detail}"))
    return References(tuple(items.values()), tuple(problems))


def left_out(id_: str, reason: str, detail: str) -> Problem:
    """A problem of a record that is left out."""
    return Problem(id=id_, reason=reason, detail=detail, counted="left_out")


def as_object(value: Any) -> Object:
    """The value as an object whose keys are unique. Raises BadRecord."""
    if not isinstance(value, Object):
        raise BadRecord("wrong_type", f"an object was expected, not {printable(repr(value), 60)}")
    if value.repeated:
        raise BadRecord("duplicate_key", f"{printable(value.repeated[0], 60)} stands twice")
    return value


def text_of(value: Any, name: str) -> str:
    """The value as a text of valid Unicode, where lone surrogates become U+FFFD. Raises BadRecord."""
    if not isinstance(value, str):
        raise BadRecord("wrong_type", f"{name} must be text, not {printable(repr(value), 60)}")
    return utf8_text(value)


def number_of(value: Any, name: str, low: float = 0.0, high: float = float(MAX_FRAMES)) -> float:
    """The value as a finite number from `low` to `high`. Raises BadRecord."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRecord("wrong_type", f"{name} must be a number, not {printable(repr(value), 60)}")
    if not math.isfinite(value) or not low <= value <= high:
        raise BadRecord("out_of_range", f"{name} is {printable(value, 40)}, not within {low:g} and {high:g}")
    return float(value)


def list_of(value: Any, name: str) -> list[Any]:
    """The value as a list. Raises BadRecord."""
    if not isinstance(value, list):
        raise BadRecord("wrong_type", f"{name} must be a list, not {printable(repr(value), 60)}")
    return value


def one_of(value: Any, name: str, allowed: tuple[Any, ...]) -> Any:
    """The value, which must be one of `allowed`. Raises BadRecord."""
    if value not in allowed:
        raise BadRecord("out_of_range", f"{name} is {printable(repr(value), 40)}, not one of {', '.join(allowed)}")
    return value


def numbers_of(value: Any, name: str, dimensions: int = 1) -> Floats:
    """A list of finite numbers, or of rows of them of equal length, as an array. Raises BadRecord."""
    values = list_of(value, name)
    try:
        table = np.array(values)
    except (ValueError, OverflowError, RecursionError):
        raise BadRecord("wrong_length", f"the rows of {name} are not of one length") from None
    if table.size == 0:
        raise BadRecord("empty", f"{name} is empty")
    if table.ndim != dimensions:
        raise BadRecord("wrong_length", f"{name} has {table.ndim} dimensions, not {dimensions}")
    if table.dtype.kind not in "biuf":
        raise BadRecord("wrong_type", f"{name} must hold numbers only")
    if table.shape[-1] > MAX_FRAMES:
        raise BadRecord("wrong_length", f"{name} has {table.shape[-1]} entries")
    table = table.astype(np.float64)
    if not np.isfinite(table).all():
        raise BadRecord("not_finite", f"{name} holds {int((~np.isfinite(table)).sum())} values that are not finite")
    return table


def flags_of(value: Any, name: str, dimensions: int = 1) -> Flags:
    """A list of zeros and ones, or of rows of them, as an array of flags. Raises BadRecord."""
    table = numbers_of(value, name, dimensions)
    if not np.isin(table, (0.0, 1.0)).all():
        raise BadRecord("out_of_range", f"{name} must hold 0 and 1 only")
    return np.asarray(table != 0)


def _lines(path: Path, text: str) -> list[Row]:
    rows: list[Row] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            rows.append(Row(number, None, _parse(line)))
        except json.JSONDecodeError as error:
            raise ConfigError(f"{path}, line {number}: this is no JSON: {error.msg}") from None
        except RecursionError:
            raise ConfigError(f"{path}, line {number}: nested too deeply") from None
    return rows


def _parse(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_object, parse_int=_integer)


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= 18 else float(digits)


def _object(pairs: list[tuple[str, Any]]) -> Object:
    record = Object(pairs)
    if len(record) != len(pairs):
        times = Counter(key for key, _ in pairs)
        record.repeated = tuple(key for key in record if times[key] > 1)
    return record
