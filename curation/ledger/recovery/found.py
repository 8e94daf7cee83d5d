"""What a repair finds in a ledger, and what it answers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from curation.ledger import tables as t
from curation.ledger.ledger import Ledger
from curation.ledger.recovery.rows import TABLES, Gap, Row, identity, rows

NAMED = 10  # rows that a sentence names


class Repaired(NamedTuple):
    """What a repair did.

    `sound`: nothing was wrong and nothing was changed. `kept`: rows of the old ledger by table. `added`: rows that came
    from the backup. `lost`: a sentence for each loss; `restored`: one for each damage that the backup made good.
    `kept_in`: the folder with the old files, when there were any.
    """

    sound: bool
    kept: dict[str, int]
    added: dict[str, int]
    lost: tuple[str, ...]
    backup: Path | None = None
    kept_in: Path | None = None
    restored: tuple[str, ...] = ()


class Found:
    """What was read from a ledger: sentences about losses, and the keys that a backup may give back (None: any)."""

    def __init__(self) -> None:
        self.lost: list[str] = []
        self.wanted: dict[str, set[tuple[Any, ...]] | None] = {table: set() for table in TABLES}
        self.damaged: set[str] = set()
        self.restored: list[str] = []
        self._dropped: dict[str, str] = {}  # by table: the sentence about its rows, which is in `lost` too
        self.withdrawn: str | None = None

    def right(self, connection: sqlite3.Connection, table: str) -> Iterator[dict[str, Any]]:
        """The rows of a table that are right; the others are noted."""
        wrong: list[tuple[Row, str]] = []
        for row in rows(connection, table):
            if isinstance(row, Gap):
                self.wanted[table] = None
                self.damaged.add(table)
                upto = f" to {row.before - 1}" if row.before is not None else " and those behind it"
                self.lost.append(f"{table}: row {row.after + 1}{upto} cannot be read")
            elif row.fault is not None:
                wrong.append((row, row.fault))
                keys = key(table, row.values)
                known = self.wanted[table]
                if None in keys:
                    self.wanted[table] = None
                elif known is not None:
                    known.add(keys)
            else:
                yield row.values
        if wrong:
            self.damaged.add(table)
            named = "; ".join(f"{identity(row, table)}: {fault}" for row, fault in wrong[:NAMED])
            more = f"; and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
            self._dropped[table] = (
                f"{table}: {len(wrong)} {'row' if len(wrong) == 1 else 'rows'} dropped ({named}{more})"
            )
            self.lost.append(self._dropped[table])

    def note_restored(self, ledger: Ledger) -> None:
        """Take from `lost` what is said of rows that are all in the new ledger now."""
        for table, sentence in self._dropped.items():
            keys = self.wanted[table]
            if keys is not None and keys <= _keys(ledger, table):
                self.lost.remove(sentence)
                self.restored.append(sentence)


def key(table: str, values: dict[str, Any]) -> tuple[Any, ...]:
    """The primary key of a row; None in it for a value that could not be read."""
    return tuple(values.get(column.name) for column in t.metadata.tables[table].primary_key)


def _keys(ledger: Ledger, table: str) -> set[tuple[Any, ...]]:
    with ledger.engine.connect() as connection:
        return {tuple(row) for row in connection.execute(sa.select(*t.metadata.tables[table].primary_key))}


def counts(ledger: Ledger) -> dict[str, int]:
    """The rows of an open ledger by table."""
    with ledger.engine.connect() as connection:
        return {
            table: connection.execute(sa.select(sa.func.count()).select_from(t.metadata.tables[table])).scalar_one()
            for table in TABLES
        }
