"""How DuckDB reads a part: a table over all of its files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from curation.release.column_types import list_of, struct_of
from curation.release.consumers.answers import Answer
from curation.release.consumers.plan import Part, PlannedFile, ReadingPlan

_NAMES = {"varchar": "string", "blob": "binary", "boolean": "bool", "tinyint": "int8", "smallint": "int16"}
_NAMES |= {"integer": "int32", "bigint": "int64", "double": "float64", "float": "float32"}
_FETCHED = 10_000


def read(plan: ReadingPlan, part: Part) -> Answer:
    """Read the part."""
    root, base = Path(plan.release), duckdb.connect()
    paths = [str(root / file.path) for file in part.files]
    table = base.read_parquet(paths)
    columns = {name: _type(kind) for name, kind in zip(table.columns, table.types, strict=True)}
    key = part.key.replace('"', '""')
    query = f'select "{key}" from read_parquet(?)'  # noqa: S608 - a quoted name
    return Answer(columns, _fetched(base, query, paths), _rows(base, root, part))


def _fetched(base: Any, query: str, paths: list[str]) -> Iterator[Any]:
    cursor = base.cursor().execute(query, [paths])
    while some := cursor.fetchmany(_FETCHED):
        yield from (row[0] for row in some)


def _rows(base: Any, root: Path, part: Part) -> Iterator[tuple[int, dict[str, Any]]]:
    wanted: dict[PlannedFile, dict[int, int]] = {}
    for file, row, place in part.sampled():
        wanted.setdefault(file, {})[row] = place
    query = (
        "select * from read_parquet(?, file_row_number = true) "
        "where list_contains(?, file_row_number) order by file_row_number"
    )
    for file, rows in wanted.items():
        cursor = base.cursor().execute(query, [str(root / file.path), list(rows)])
        names = [column[0] for column in cursor.description]
        for values in cursor.fetchall():
            found = dict(zip(names, values, strict=True))
            yield rows[found.pop("file_row_number")], found


def _type(kind: Any) -> str:
    if kind.id == "list":
        return list_of(_type(dict(kind.children)["child"]))
    if kind.id == "struct":
        return struct_of((name, _type(inner)) for name, inner in kind.children)
    return _NAMES.get(str(kind.id), str(kind.id))
