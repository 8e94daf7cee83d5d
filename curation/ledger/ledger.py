"""The ledger: the database that records what is done and from what. It is the only place of durability.

A row is written in one transaction, after the files that it names lie in place. So a kill at any moment leaves the old
state or the new one. Threads can share a ledger. The lock of the workspace keeps the processes of one machine apart; on
PostgreSQL claims (claims.py) keep those of several machines apart, and whoever lost a claim writes nothing more.
"""

from __future__ import annotations

import copy
import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any

import sqlalchemy as sa

from curation.ledger.claims import Claim
from curation.ledger.duplicates import DuplicateRows
from curation.ledger.holding.claim_rows import ClaimRows
from curation.ledger.integrity import name_damage
from curation.ledger.properties import PropertyRows
from curation.ledger.refresh.opt_outs import OptOutRows
from curation.ledger.refresh.rechecks import RecheckRows
from curation.ledger.replies import ReplyRows
from curation.ledger.runs import RunRows
from curation.ledger.schema import prepare
from curation.ledger.sources import SourceRows


class Ledger(SourceRows, DuplicateRows, ReplyRows, RunRows, PropertyRows, RecheckRows, OptOutRows, ClaimRows):
    """The results of every stage for every video, with sources, duplicates, replies, runs, properties, rechecks."""

    def __init__(self, url: str | sa.URL, schema: str | None = None, fence: Claim | None = None) -> None:
        """Open the database at an SQLAlchemy URL and make its tables; on PostgreSQL in `schema`, which must exist.

        `fence`: the claim under which this process writes, on PostgreSQL. Every method that writes raises ClaimLost
        once it is no longer current. Raises ConfigError and LedgerDamaged as `prepare` of schema.py.
        """
        # A connection that the server has ended is noticed before it is used.
        engine = sa.create_engine(url, pool_size=16, max_overflow=16, pool_pre_ping=schema is not None)
        if engine.dialect.name == "sqlite":
            sa.event.listen(engine, "connect", _tune_sqlite)
            name_damage(engine)
        elif fence is not None:
            sa.event.listen(engine, "connect", partial(_end_when_idle, fence.seconds))
        self.fence = fence
        self.engine = engine.execution_options(schema_translate_map={None: schema}) if schema else engine
        self.before_closing: Callable[[], None] = _nothing
        try:
            prepare(self.engine, schema)
        except BaseException:
            engine.dispose()
            raise

    def under(self, claim: Claim) -> Ledger:
        """The same open database, written under another claim. Close the ledger, and not what this returns."""
        other = copy.copy(self)
        other.fence = claim
        return other

    def close(self) -> None:
        """Close every connection."""
        try:
            self.before_closing()
        finally:
            self.engine.dispose()


def _nothing() -> None:
    """The default of `before_closing`."""


def _end_when_idle(seconds: float, connection: Any, _record: object) -> None:
    """Have the server end a transaction of a process that is stopped or cut off in the middle of it.

    Such a transaction would hold the row of its claim, and with it the work, for ever.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"SET idle_in_transaction_session_timeout = {max(1, round(seconds * 1000))}")
    connection.commit()


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
