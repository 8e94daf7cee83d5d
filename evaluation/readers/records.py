"""JSON from outside, read with suspicion: what is wrong is pinned to file and row, and stays with its own record."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evaluation.cases import Flags, Floats, Reference, References
from schemas.errors import ConfigError
from schemas.evaluation import Problem

MAX_FRAMES = 1_000_000  # 11 days at 1 fps
_LONGEST_ID = 500
_LINES = (".jsonl", ".ndjson")


class BadRecord(ValueError):
    """One record cannot be used: a short slug and what was found."""

    def __init__(self, reason: str, detail: str) -> None:
        """Keep slug and detail apart."""
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


class Object(dict[str, Any]):
    """A JSON object that knows which of its keys came twice."""

    repeated: tuple[str, ...] = ()


class Row(NamedTuple):
    """A record: its place in the file (1-based; the line in JSON lines), its key where the file is one object."""

    number: int
    key: str | None
    value: Any


def load_rows(path: Path) -> list[Row]:
    """The records of a JSON array, of an object by id, or of JSON lines.

    Numbers beyond a float become infinite and `NaN` is taken as such, for the reader of the record to refuse. Raises
    ConfigError, naming file and line, for what is no JSON.
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


def shown(text: object, limit: int = 200) -> str:
    """Something from outside as a message shows it: printable, one line, cut."""
    plain = str(text).encode("utf-8", "backslashreplace").decode()
    line = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in plain[:limit])
    return line + ("..." if len(plain) > limit else "")


def record_id(path: Path, row: Row, *keys: str) -> str:
    """The id under the first of `keys` that the record has, else the row's own key.

    Raises ConfigError naming file and row: what has no id can be attributed to no video.
    """
    found: Any = row.key
    if isinstance(row.value, Object):
        found = next((row.value[key] for key in keys if key in row.value), row.key)
    if not isinstance(found, str) or not found.strip() or len(found) > _LONGEST_ID:
        wanted = " or ".join(keys) or "a key"
        raise ConfigError(f"{path}, record {row.number}: no id ({wanted} must be text, not {shown(repr(found), 60)})")
    return found.encode("utf-8", "backslashreplace").decode()


def read_all(
    path: Path, rows: Iterable[Row], id_of: Callable[[Row], str], parse: Callable[[str, Object], Reference]
) -> References:
    """Every record through `parse`; what it refuses, and a second record of an id, is left out and reported."""
    items: dict[str, Reference] = {}
    problems: list[Problem] = []
    for row in rows:
        id_ = id_of(row)
        if id_ in items or row.number == 0:
            problems.append(left_out(id_, "duplicate_id", f"again as record {row.number} of {path.name}"))
            continue
        try:
            items[id_] = parse(id_, as_object(row.value))
        except BadRecord as error:
            problems.append(left_out(id_, error.reason, f"record {row.number}: {error.detail}"))
    return References(tuple(items.values()), tuple(problems))


def left_out(id_: str, reason: str, detail: str) -> Problem:
    """A problem whose record is left out."""
    return Problem(id=id_, reason=reason, detail=detail, counted="left_out")


def as_object(value: Any) -> Object:
    """The record as an object whose keys are unique. Raises BadRecord."""
    if not isinstance(value, Object):
        raise BadRecord("wrong_type", f"an object was expected, not {shown(repr(value), 60)}")
    if value.repeated:
        raise BadRecord("duplicate_key", f"{shown(value.repeated[0], 60)} stands twice")
    return value


def text_of(value: Any, name: str) -> str:
    """A text as valid Unicode (lone surrogates become U+FFFD). Raises BadRecord."""
    if not isinstance(value, str):
        raise BadRecord("wrong_type", f"{name} must be text, not {shown(repr(value), 60)}")
    return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in value) if not value.isascii() else value


def number_of(value: Any, name: str, low: float = 0.0, high: float = float(MAX_FRAMES)) -> float:
    """A finite number within limits. Raises BadRecord."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRecord("wrong_type", f"{name} must be a number, not {shown(repr(value), 60)}")
    if not math.isfinite(value) or not low <= value <= high:
        raise BadRecord("out_of_range", f"{name} is {shown(value, 40)}, not within {low:g} and {high:g}")
    return float(value)


def list_of(value: Any, name: str) -> list[Any]:
    """A list. Raises BadRecord."""
    if not isinstance(value, list):
        raise BadRecord("wrong_type", f"{name} must be a list, not {shown(repr(value), 60)}")
    return value


def numbers_of(value: Any, name: str, dimensions: int = 1) -> Floats:
    """A list of finite numbers, or of rows of equal length, as an array. Raises BadRecord."""
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
    """A list of zeros and ones (or rows of them) as an array. Raises BadRecord."""
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
    made = Object(pairs)
    if len(made) != len(pairs):
        keys = [key for key, _ in pairs]
        made.repeated = tuple(key for key in made if keys.count(key) > 1)
    return made
