"""The mark of a workspace's ledger: a file beside it that says which ledger it is and how far it had come.

The ledger counts its changes in a property, and the mark repeats the number. So a workspace knows that it had rows: an
empty, exchanged or older ledger, and one that was copied without its write-ahead log, is noticed when it is opened.

The ledger is written first, down to the disk, and then the mark. So after a kill or a power failure the ledger is never
behind its mark. While rows are written this happens once a second, once more when the ledger is closed, and each time
that SQLite's write-ahead log has gone into the file: a file without its log is behind the mark from then on.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa

from curation.ledger import tables as t
from curation.ledger.ledger import Ledger
from curation.ledger.schema import GENERATION, IDENTITY
from curation.store.files import write_whole
from schemas.errors import LedgerDamaged

log = logging.getLogger(__name__)

MARK = "ledger.mark"
_IDENTITY = re.compile(r"[0-9a-f]{32}")
_EVERY, _OFTEN = 1.0, 0.2  # seconds
_LOG_BYTES = 4_000_000
_COUNT = "UPDATE {table} SET value = CAST(CAST(value AS BIGINT) + 1 AS TEXT) WHERE name = 'generation'"
_GIVE = " RETURNING value"
_HELD = " AND EXISTS (SELECT 1 FROM {table} WHERE key = %s AND fence = %s AND expires_at > clock_timestamp())"


class Mark(NamedTuple):
    """The identity of a ledger (32 hex digits), its number of changes, and where it is: its file, or its schema.

    `logged`: SQLite is writing its log into the file. Until that is counted, the file needs its log.
    """

    ledger: str
    generation: int
    place: str
    logged: bool = False


def read_mark(root: Path) -> Mark | None:
    """The mark in a workspace; None where there is none. Raises LedgerDamaged for one that cannot be read."""
    path = root / MARK
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        place, logged = str(fields["place"]), bool(fields["logged"])
        mark = Mark(str(fields["ledger"]), int(fields["generation"]), place, logged)
        if not _IDENTITY.fullmatch(mark.ledger):
            raise ValueError(mark.ledger)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise LedgerDamaged(
            f"{path}: not readable as the mark of a ledger, so that nobody can tell whether the ledger is whole. "
            f"`v2xum repair {root} --accept` takes the ledger as it is"
        ) from error
    return mark


def write_mark(root: Path, mark: Mark) -> None:
    """Write the mark, down to the disk. Raises OSError."""
    write_whole(root / MARK, json.dumps(mark._asdict()) + "\n", durable=True)


def mark_of(ledger: Ledger, place: str) -> Mark:
    """The mark that fits a ledger as it is."""
    p = t.properties.c
    query = sa.select(p.name, p.value).where(p.name.in_((IDENTITY, GENERATION)))
    with ledger.engine.connect() as connection:
        found = {row.name: row.value for row in connection.execute(query)}
    generation = found.get(GENERATION, "")
    return Mark(found.get(IDENTITY, ""), int(generation) if generation.isdecimal() else 0, place)


class Marker:
    """Keeps the mark up with an open ledger. Threads share it."""

    def __init__(self, ledger: Ledger, root: Path, mark: Mark) -> None:
        """Listen to the ledger's transactions; `mark` is the present one."""
        engine = ledger.engine
        translated = engine.get_execution_options().get("schema_translate_map")
        schema = translated[None] if translated else None
        self._engine, self._root, self._mark = engine, root, mark
        self._fence: tuple[str | int, ...] = ()
        self._count = _COUNT.format(table=f"{schema}.properties" if schema else "properties")
        if ledger.fence is not None:  # on PostgreSQL: who lost the claim counts nothing
            self._count += _HELD.format(table=f"{schema}.claims")
            self._fence = ledger.fence.key, ledger.fence.fence
        self._count += _GIVE
        self._turn = threading.Lock()
        file = engine.url.database if engine.dialect.name == "sqlite" else None
        self._log = Path(f"{file}-wal") if file is not None else None
        self._changed, self._last = False, float("-inf")
        self._logged = False  # whether the mark on the disk says so
        sa.event.listen(engine, "commit", self._committing)
        sa.event.listen(engine.pool, "checkin", self._returned)
        ledger.before_closing = self.close

    def close(self) -> None:
        """Count what was written since the mark was written last.

        A mark that says that the log is written into the file does not stay, also that of a process that was killed
        meanwhile: the log ends with the last connection.
        """
        if self._changed or self._is_logged():
            self._changed = True
            self._last = float("-inf")
            with contextlib.suppress(sa.exc.DBAPIError):  # the server is gone
                self._engine.raw_connection().close()  # which returns it to the pool
        if self._logged:
            with contextlib.suppress(OSError):
                (self._root / MARK).unlink(missing_ok=True)  # less is noticed, and nothing is refused that is whole

    def _is_logged(self) -> bool:
        with contextlib.suppress(LedgerDamaged):
            mark = read_mark(self._root)
            return mark is not None and mark.logged
        return False

    def _committing(self, _connection: sa.Connection) -> None:
        self._changed = True

    def _returned(self, connection: Any, _record: object) -> None:
        """A connection comes back to the pool: no transaction is open on it, so that it can count."""
        waited = time.monotonic() - self._last
        if connection is None or not self._changed or waited < _OFTEN:
            return
        full = self._log_is_full()
        if waited < _EVERY and not full:
            return
        if not self._turn.acquire(blocking=False):
            return  # another thread counts
        try:
            self._changed = False
            if full:
                write_mark(self._root, self._mark._replace(logged=True))
                self._logged = True
                _empty_log(connection)
            generation = self._counted(connection)
            self._last = time.monotonic()
            if generation is not None:
                self._mark = self._mark._replace(generation=generation)
                write_mark(self._root, self._mark)
                self._logged = False
        except (OSError, self._engine.dialect.loaded_dbapi.Error) as error:
            # The mark stays behind the ledger: less is noticed, and nothing is lost.
            log.warning("%s: not brought up to date: %s", self._root / MARK, error)
            self._changed, self._last = True, time.monotonic()  # tried again, at the latest when the ledger is closed
            connection.rollback()
        finally:
            self._turn.release()

    def _log_is_full(self) -> bool:
        try:
            return self._log is not None and self._log.stat().st_size > _LOG_BYTES
        except OSError:
            return False

    def _counted(self, connection: Any) -> int | None:
        """Count one change, down to the disk."""
        sqlite = self._engine.dialect.name == "sqlite"
        cursor = connection.cursor()
        try:
            if sqlite:
                cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute(self._count, self._fence)
            row = cursor.fetchone()
            connection.commit()
            return int(row[0]) if row is not None else None
        finally:
            if sqlite:
                cursor.execute("PRAGMA synchronous=NORMAL")
            cursor.close()


def _empty_log(connection: Any) -> None:
    """Have SQLite write its log into the file; where somebody reads just now, the log itself stays for this time."""
    cursor = connection.cursor()
    try:
        cursor.execute("PRAGMA busy_timeout=200")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        cursor.fetchall()
    finally:
        cursor.execute("PRAGMA busy_timeout=60000")
        cursor.close()
