"""Backups: the ledger as one consistent file, made while a run goes on, and checked before it replaces an older one."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from curation.ledger.databases import FILE, open_ledger, postgresql_schema
from curation.ledger.integrity import fault_of_files
from curation.ledger.mark import mark_of
from curation.ledger.recovery.rows import TABLES, Gap, identity, rows
from curation.ledger.schema import GENERATION, IDENTITY
from curation.store.files import sync
from schemas.errors import ConfigError, LedgerDamaged

PLACE = Path("backup") / "ledger.sqlite"


class BackedUp(NamedTuple):
    """A backup: its file, its size in bytes, and its rows by table."""

    file: Path
    size: int
    rows: dict[str, int]


class Known(NamedTuple):
    """What a ledger's file says of itself: its identity and its number of changes."""

    ledger: str
    generation: int


def back_up(root: Path, file: Path | None = None) -> BackedUp:
    """Write the ledger of a workspace into one file, by default WORKSPACE/backup/ledger.sqlite.

    Other processes may write meanwhile: the file holds what was committed at one moment. It is read again and checked
    before it takes its place, so that no damaged ledger replaces a good backup. Raises ConfigError when the ledger is
    in PostgreSQL, or when `file` is something else than a backup of this ledger; LedgerDamaged; OSError.
    """
    target = file if file is not None else root / PLACE
    if (schema := postgresql_schema(root)) is not None:
        raise ConfigError(
            f"{root}: its ledger is in PostgreSQL, which makes backups itself, for example "
            f'`pg_dump --schema={schema} --format=custom --file=FILE "$V2XUM_LEDGER"`; `pg_restore` puts one back'
        )
    with closing(open_ledger(root)) as ledger:
        own = mark_of(ledger, FILE)
        _require_own(target, Known(own.ledger, own.generation), root)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = target.with_name(f".{target.name}.{os.getpid()}")
        temporary.unlink(missing_ok=True)
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            source = ledger.engine.raw_connection()
            try:
                with closing(sqlite3.connect(temporary)) as copy:
                    # All pages in one step: writers go on in the log meanwhile, and the copy does not begin anew.
                    source.driver_connection.backup(copy, pages=-1)  # type: ignore[union-attr]
                    copy.execute("PRAGMA journal_mode=DELETE")
            finally:
                source.close()
            counts = _checked(temporary)
            sync(temporary)
            temporary.replace(target)
            sync(target.parent)
        finally:
            for suffix in ("", "-journal", "-wal", "-shm"):
                temporary.with_name(temporary.name + suffix).unlink(missing_ok=True)
    return BackedUp(target, target.stat().st_size, counts)


def known_of(file: Path) -> Known | None:
    """What a ledger's file says of itself; None for a file that is no ledger or cannot be read."""
    if not file.is_file() or file.stat().st_size == 0 or fault_of_files(file) is not None:
        return None
    query = "SELECT name, value FROM properties WHERE name IN (?, ?)"
    try:
        with closing(sqlite3.connect(file)) as connection:
            found = dict(connection.execute(query, (IDENTITY, GENERATION)).fetchall())
        return Known(str(found[IDENTITY]), int(found[GENERATION]))
    except (sqlite3.Error, KeyError, ValueError):
        return None


def _require_own(target: Path, own: Known, root: Path) -> None:
    if not target.exists():
        return
    known = known_of(target)
    if known is None or known.ledger != own.ledger:
        what = "it is the backup of another workspace" if known is not None else "it is not a backup of a ledger"
        raise ConfigError(f"{target} exists, and {what}: choose another FILE, or move it away")
    if target.name == "ledger.sqlite" and (target.parent / "ledger.mark").exists():
        raise ConfigError(f"{target} is the ledger of a workspace itself: choose another FILE")
    if known.generation > own.generation:
        raise ConfigError(
            f"{target} has a later state of this ledger (change {known.generation}) than {root} (change "
            f"{own.generation}), which was put back from an older copy, or is a copy that fell behind: choose another "
            f"FILE, or move that one away. `v2xum repair {root} --from {target}` adds what only it has"
        )


def _checked(file: Path) -> dict[str, int]:
    """The rows of a copy by table. Raises LedgerDamaged for one that is not whole."""
    with closing(sqlite3.connect(file)) as connection:
        said = connection.execute("PRAGMA integrity_check(3)").fetchall()
        if said != [("ok",)]:
            raise LedgerDamaged(_refusal("; ".join(str(line[0]) for line in said)[:300]))
        connection.text_factory = bytes
        counts = dict.fromkeys(TABLES, 0)
        for table in TABLES:
            for row in rows(connection, table):
                if isinstance(row, Gap):
                    raise LedgerDamaged(_refusal(f"rows of {table} cannot be read"))
                if row.fault is not None:
                    raise LedgerDamaged(_refusal(f"a row of {table} ({identity(row, table)}): {row.fault}"))
                counts[table] += 1
    return counts


def _refusal(fault: str) -> str:
    return (
        f"no backup was made, because the ledger is damaged: {fault}. An older backup stays as it is: "
        "run `v2xum repair WORKSPACE` first, which may need it"
    )
