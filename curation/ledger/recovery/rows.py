"""Reads the rows of a ledger's file one by one, so that damage costs only the rows that it hit.

SQLite's own modules read a file that may be damaged anywhere: every error is about one place, and reading goes on
behind it. A row is right when all its values fit their columns and its text fits the checksum beside it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, NamedTuple, get_args

import sqlalchemy as sa

from curation.ledger import tables as t
from curation.ledger.entries import Status
from curation.ledger.part import checksum
from curation.ledger.stages import STAGES

CHECKED = {
    "sources": ("payload", "checksum"),
    "results": ("payload", "digest"),
    "replies": ("text", "checksum"),
    "verdicts": ("payload", "checksum"),
}
_OF_THE_MOMENT = (t.claims, t.hosts)  # and on PostgreSQL only
TABLES = tuple(table.name for table in t.metadata.sorted_tables if table not in _OF_THE_MOMENT)
# SQLite's message about a damaged list of tables may quote what is no text.
DAMAGE = (sqlite3.DatabaseError, UnicodeDecodeError)
# Tables that a ledger of an earlier version has not: the version that brought them.
_SINCE = dict.fromkeys(("rechecks", "opt_outs", "opted_out"), "0003")
_LAST = 2**40  # more rows than any table has


class Row(NamedTuple):
    """A row that could be read: its number in the table, its values by column, and what is wrong with it, or None."""

    number: int
    values: dict[str, Any]
    fault: str | None


class Gap(NamedTuple):
    """Rows that cannot be read: those behind row `after`, and before row `before` where one was found there."""

    after: int
    before: int | None


def rows(connection: sqlite3.Connection, table: str) -> Iterator[Row | Gap]:
    """All rows of a table that can be read, in the order of their numbers, with the gaps between them.

    `connection` must have bytes as its text factory. A table that is not there is one gap, unless the file's version
    is older than the table.
    """
    wanted = t.metadata.tables[table].columns
    try:
        there = {name.decode() for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")}
    except DAMAGE:
        there = set()
    columns = [column for column in wanted if column.name in there]
    if not columns:
        if not _is_older(connection, table):
            yield Gap(0, None)
        return
    names = ", ".join(f'"{column.name}"' for column in columns)
    query = f"SELECT rowid, {names} FROM {table} NOT INDEXED WHERE rowid > ? ORDER BY rowid"  # noqa: S608 - our own names
    last = 0
    while True:
        try:
            for number, *values in connection.execute(query, (last,)):
                if number <= last:
                    raise sqlite3.DatabaseError("rows out of order")
                last = number
                yield _row(table, number, columns, values)
            return
        except DAMAGE:
            pass
        # Python reads a row ahead: the row before the damage is found when it is asked for alone.
        found = _first(connection, query, last)
        if found is None:
            following = _behind(connection, query, last)
            yield Gap(last, following)
            found = _first(connection, query, following - 1) if following is not None else None
            if found is None:
                return
        last = found[0]
        yield _row(table, last, columns, list(found[1:]))


def identity(row: Row, table: str) -> str:
    """The row's key, for people."""
    keys = [column.name for column in t.metadata.tables[table].primary_key]
    named = {"sources": ["id"], "verdicts": ["sample_id"], "results": ["video_id", "stage"]}.get(table, keys)
    return " ".join(str(row.values.get(name)) for name in named)[:160]


def _row(table: str, number: int, columns: list[sa.Column[Any]], values: list[Any]) -> Row:
    found: dict[str, Any] = {}
    fault = None
    for column, value in zip(columns, values, strict=True):
        try:
            found[column.name] = _value(value, column)
        except UnicodeDecodeError:
            found[column.name], fault = None, f"its {column.name} is not text"
            continue
        if not _fits(found[column.name], column):
            fault = f"its {column.name} does not fit its column"
    if fault is None and table == t.results.name and not _is_result(found):
        fault = "its stage or its status is none that there is"
    if fault is None and table in CHECKED:
        text, noted = (found.get(name) for name in CHECKED[table])
        if noted is not None and checksum(text or "") != noted:
            fault = "it is not what was stored: its checksum differs"
    return Row(number, found, fault)


def _value(value: Any, column: sa.Column[Any]) -> Any:
    if not isinstance(value, bytes):
        return value
    if isinstance(column.type, t.PackedText) and value.startswith(b"\0"):  # text has none
        return t.unpacked(value)
    return value.decode("utf-8", "strict")


def _is_result(values: dict[str, Any]) -> bool:
    return values.get("stage") in STAGES.places_of_rejection and values.get("status") in get_args(Status)


def _fits(value: Any, column: sa.Column[Any]) -> bool:
    if value is None:
        return bool(column.nullable)
    kind = column.type
    if isinstance(kind, sa.Boolean):
        return value in (0, 1)
    if isinstance(kind, sa.Integer):
        return isinstance(value, int)
    if isinstance(kind, sa.Float):
        return isinstance(value, int | float)
    length = getattr(kind, "length", None)
    return isinstance(value, str) and (length is None or len(value) <= length)


def _first(connection: sqlite3.Connection, query: str, after: int) -> tuple[Any, ...] | None:
    """The first row behind `after`; None where it cannot be read, or where there is none."""
    try:
        found = connection.execute(f"{query} LIMIT 1", (after,)).fetchone()
    except DAMAGE:
        return None
    return tuple(found) if found is not None and found[0] > after else None


def _behind(connection: sqlite3.Connection, query: str, last: int) -> int | None:
    """The number of the first row behind `last` that can be read, searched in growing steps and then between two."""
    low, step = last, 1
    while (found := _first(connection, query, last + step)) is None:
        low, step = last + step, step * 2
        if step > _LAST:
            return None
    high, best = last + step, int(found[0])
    while high - low > 1:
        middle = (low + high) // 2
        if (found := _first(connection, query, middle)) is not None:
            high, best = middle, int(found[0])
        else:
            low = middle
    return best


def _is_older(connection: sqlite3.Connection, table: str) -> bool:
    try:
        found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return found is not None and table in _SINCE and found[0].decode() < _SINCE[table]
    except (*DAMAGE, AttributeError):
        return False
