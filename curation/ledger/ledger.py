"""The ledger: the database that records what is done and from what. It is the only place of durability.

A row is written in one transaction, after the files that it names lie in place. So a kill at any moment leaves the old
state or the new one. Threads can share a ledger. The lock of the workspace keeps processes apart, on SQLite and on
PostgreSQL alike.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from curation.ledger.duplicates import DuplicateRows
from curation.ledger.integrity import name_damage
from curation.ledger.properties import PropertyRows
from curation.ledger.refresh.opt_outs import OptOutRows
from curation.ledger.refresh.rechecks import RecheckRows
from curation.ledger.replies import ReplyRows
from curation.ledger.runs import RunRows
from curation.ledger.schema import prepare
from curation.ledger.sources import SourceRows


class Ledger(SourceRows, DuplicateRows, ReplyRows, RunRows, PropertyRows, RecheckRows, OptOutRows):
    """The results of every stage for every video, with sources, duplicates, replies, runs, properties, rechecks."""

    def __init__(self, url: str | sa.URL, schema: str | None = None) -> None:
        """Open the database at an SQLAlchemy URL and make its tables; on PostgreSQL in `schema`, which must exist.

        Raises ConfigError and LedgerDamaged as `prepare` of schema.py.
        """
        # A connection that the server has ended is noticed before it is used.
        engine = sa.create_engine(url, pool_size=16, max_overflow=16, pool_pre_ping=schema is not None)
        if engine.dialect.name == "sqlite":
            sa.event.listen(engine, "connect", _tune_sqlite)
            name_damage(engine)
        self.engine = engine.execution_options(schema_translate_map={None: schema}) if schema else engine
        self.before_closing: Callable[[], None] = _nothing
        try:
            prepare(self.engine, schema)
        except BaseException:
            engine.dispose()
            raise

    def close(self) -> None:
        """Close every connection."""
        try:
            self.before_closing()
        finally:
            self.engine.dispose()


def _nothing() -> None:
    """The default of `before_closing`."""


def _tune_sqlite(connection: Any, _record: object) -> None:
    """Use the write-ahead log: readers continue beside the writer, and a committed row survives a killed process.

    The log goes into the file when the ledger is closed, and when mark.py says so: never unmarked.
    """
    cursor = connection.cursor()
    try:
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=60000", "wal_autocheckpoint=0"):
            cursor.execute(f"PRAGMA {pragma}")
    except UnicodeDecodeError as error:  # its message about a damaged list of tables quotes what is no text
        raise sqlite3.DatabaseError("Could not decode to UTF-8 the list of tables") from error
    finally:
        cursor.close()
