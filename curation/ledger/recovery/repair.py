"""Repairs a ledger: rows that are right are kept, rows of the last backup are added, and what was lost is said.

A damaged ledger in SQLite is made anew beside the old one and then exchanged; the old files are kept in a folder. In
PostgreSQL, which guards its own pages, rows that are not what was stored are deleted in place. What is missing
afterwards is due again, and the next run makes it.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from curation.ledger import tables as t
from curation.ledger.claims import Claim
from curation.ledger.databases import FILE, postgresql_schema, stands_alone
from curation.ledger.integrity import check_pages, fault_of_files, is_blank
from curation.ledger.ledger import Ledger
from curation.ledger.mark import Mark, mark_of, read_mark, write_mark
from curation.ledger.properties import INCOMPLETE, WITHDRAWN
from curation.ledger.recovery.altered import drop_altered
from curation.ledger.recovery.backup import PLACE, Known, known_of
from curation.ledger.recovery.found import Found, Repaired, counts, key
from curation.ledger.recovery.mend import readable
from curation.ledger.recovery.rows import DAMAGE, TABLES
from curation.ledger.schema import GENERATION, IDENTITY
from curation.store.files import make_private, sync
from schemas.errors import ConfigError, LedgerDamaged

_REPAIRED = "ledger.repaired"  # finished, and not yet in its place
_WORK = ".ledger.repair"
_AT_ONCE = 500
_OLD = tuple(f"old {name}" for name in (GENERATION, IDENTITY))


def repair(root: Path, backup: Path | None = None, fence: Claim | None = None) -> Repaired:
    """Repair the ledger of a workspace, which the caller holds; `backup`: the file to take missing rows from.

    `fence`: the claim under which the caller holds a ledger in PostgreSQL. The default backup is
    WORKSPACE/backup/ledger.sqlite, where there is one of this ledger. A sound ledger is left alone; but
    `backup` also adds its rows to one that an earlier repair could not make whole. Raises ConfigError when `backup`
    is no backup of this ledger, when the ledger is another workspace's or gone and there is no backup, or when it is of
    a newer version; OSError.
    """
    if (schema := postgresql_schema(root)) is not None:
        return drop_altered(root, schema, fence)
    file = root / FILE
    _put_in_place(root)
    mark = _mark(root)
    live = known_of(file)
    source, known = _backup(
        root, backup, mark.ledger if mark is not None else live.ledger if live is not None else None
    )
    foreign = mark is not None and live is not None and live.ledger != mark.ledger
    if (is_blank(file) or foreign) and known is None:
        state = "another workspace's" if foreign else "empty" if file.exists() else "missing"
        is_none = "is no backup of this workspace's ledger" if source.exists() else "does not exist"
        raise ConfigError(
            f"{file} is {state}, and {source} {is_none}: give a backup with --from FILE, or "
            f"`v2xum repair {root} --accept` takes what is there"
        )
    fill = False
    if not is_blank(file) and not foreign and (sound := _if_sound(root, file, mark)) is not None:
        fill = backup is not None and _is_incomplete(file)
        if not fill:
            return sound
    return _rebuild(root, mark, known, source, from_file=not is_blank(file) and not foreign, fill=fill)


def _rebuild(
    root: Path, mark: Mark | None, known: Known | None, source: Path, *, from_file: bool, fill: bool
) -> Repaired:
    """Make the ledger anew; with `fill` every row that only the backup has is taken."""
    work, found = root / _WORK, Found()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(mode=0o700)
    try:
        kept_in = _set_aside(root)
        new = Ledger(f"sqlite:///{work / FILE}")
        with closing(new):
            if from_file:
                connection = readable(root, work)
                if connection is None:
                    found.lost.append("nothing of the old file can be read")
                    found.wanted = dict.fromkeys(TABLES)
                else:
                    with closing(connection):
                        for table in TABLES:
                            _insert(new, table, found.right(connection, table))
            else:
                found.wanted = dict.fromkeys(TABLES)
            if fill:
                found.wanted = dict.fromkeys(TABLES)
            kept = counts(new)
            reached = _numbers(new, mark, known, found)
            if known is not None:
                _add(new, source, found, reached)
                found.note_restored(new)
            added = {table: count - kept[table] for table, count in counts(new).items() if count > kept[table]}
            _settle(new, found)
            if found.lost:
                new.replace_property(INCOMPLETE, "yes")
            elif fill:
                new.replace_property(INCOMPLETE, "")
        make_private(work / FILE)
        sync(work / FILE)
        (work / FILE).replace(root / _REPAIRED)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    _put_in_place(root)
    return Repaired(
        False, kept, added, tuple(found.lost), source if known is not None else None, kept_in, tuple(found.restored)
    )


def _if_sound(root: Path, file: Path, mark: Mark | None) -> Repaired | None:
    """The answer for a ledger with which nothing is wrong; None for one to be made anew."""
    if fault_of_files(file) is not None:
        return None
    found, alone = Found(), stands_alone(root, mark)
    try:
        with closing(Ledger(f"sqlite:///{file}")) as ledger:
            check_pages(ledger.engine, whole=True)
            now = mark_of(ledger, FILE)
            if alone:
                ledger.replace_property(INCOMPLETE, "yes")
        with closing(sqlite3.connect(file)) as connection:
            connection.text_factory = bytes
            kept = {table: sum(1 for _ in found.right(connection, table)) for table in TABLES}
    except (LedgerDamaged, sa.exc.DBAPIError, *DAMAGE):
        return None
    if found.lost or (mark is not None and now.generation < mark.generation):
        return None
    write_mark(root, now)
    told = (f"perhaps the newest rows: {FILE} stands here alone, without the log that it may have had",)
    return Repaired(True, kept, {}, told if alone else ())


def _is_incomplete(file: Path) -> bool:
    with closing(Ledger(f"sqlite:///{file}")) as ledger:
        return bool(ledger.property(INCOMPLETE))


def _numbers(new: Ledger, mark: Mark | None, known: Known | None, found: Found) -> int:
    """Give the new ledger its identity and a number of changes beyond all earlier ones; returns the old ledger's."""
    with new.writing() as connection:
        query = sa.select(t.properties.c.name, t.properties.c.value)
        named: dict[str, str] = {row.name: row.value for row in connection.execute(query)}
        found.withdrawn = named.get(WITHDRAWN)
        old = named.get("old generation", "0")
        reached = int(old) if old.isdecimal() else 0
        last = mark.generation if mark is not None else reached
        own = mark.ledger if mark is not None else named.get("old identity") or (known.ledger if known else None)
        _set(connection, GENERATION, str(max(reached, last, known.generation if known is not None else 0) + 1))
        if own:
            _set(connection, IDENTITY, own)
        connection.execute(sa.delete(t.properties).where(t.properties.c.name.in_(_OLD)))
    if mark is not None and reached < mark.generation:
        if found.wanted["results"] is not None:
            found.wanted = dict.fromkeys(TABLES)
        come = max(reached, known.generation if known is not None else 0)
        if come < mark.generation:
            found.lost.append(f"what was written after change {come}: the ledger had come to change {mark.generation}")
    return reached


def _add(new: Ledger, source: Path, found: Found, reached: int) -> None:
    """Add rows of the backup that the old ledger lacked."""
    with closing(sqlite3.connect(source)) as connection:
        connection.text_factory = bytes
        noted = connection.execute("SELECT value FROM properties WHERE name = ?", (WITHDRAWN,)).fetchone()
        withdrawn = noted[0].decode() if noted is not None else None
        # With the old ledger gone nobody knows of a later withdrawal: the backup is then taken as it is.
        stale = reached > 0 and found.withdrawn != withdrawn
        for table in TABLES:
            if stale and table in ("results", "replies", "canaries"):
                continue
            wanted = found.wanted[table]
            if wanted is None or wanted:
                right = Found().right(connection, table)
                _insert(new, table, (row for row in right if wanted is None or key(table, row) in wanted))
    if stale:
        found.lost.append(f"results of {source} were not taken: a run has withdrawn some since it was made")


def _settle(new: Ledger, found: Found) -> None:
    """One current result a stage; after a loss among the verdicts the next pull reads every task."""
    r = t.results.c
    twice = sa.select(r.video_id, r.stage).where(r.current).group_by(r.video_id, r.stage).having(sa.func.count() > 1)
    with new.writing() as connection:
        connection.execute(sa.delete(t.properties).where(t.properties.c.name.in_(_OLD)))  # the backup has its own
        for video_id, stage in connection.execute(twice).all():
            same = sa.and_(r.video_id == video_id, r.stage == stage, r.current)
            newest = connection.execute(
                sa.select(r.fingerprint).where(same).order_by(r.made_at.desc(), r.fingerprint).limit(1)
            ).scalar_one()
            connection.execute(sa.update(t.results).where(same, r.fingerprint != newest).values(current=False))
        if t.verdicts.name in found.damaged:
            connection.execute(sa.delete(t.cursors))
            if any(loss.startswith(f"{t.verdicts.name}:") for loss in found.lost):
                found.lost.append(
                    "people's verdicts may be among what was lost: `v2xum review pull WORKSPACE` reads every task "
                    "again, and stores what the server still has"
                )


def _insert(new: Ledger, table: str, found: Iterable[dict[str, Any]]) -> None:
    """Put rows into the new ledger, in batches; a row that is there stays."""
    into = t.metadata.tables[table]
    statement = t.inserting(into, new.engine.dialect).on_conflict_do_nothing()
    batch: list[dict[str, Any]] = []

    def flush() -> None:
        if batch:
            with new.writing() as connection:
                connection.execute(statement, batch)
            batch.clear()

    for row in found:
        if table == t.properties.name and row["name"] in (IDENTITY, GENERATION):
            row = {**row, "name": f"old {row['name']}"}
        batch.append(row)
        if len(batch) == _AT_ONCE:
            flush()
    flush()


def _set(connection: sa.Connection, name: str, value: str) -> None:
    connection.execute(sa.update(t.properties).where(t.properties.c.name == name).values(value=value))


def _mark(root: Path) -> Mark | None:
    """The mark; None where it cannot be read. Where the file lacks its log, it is behind the mark by at least one."""
    try:
        mark = read_mark(root)
    except LedgerDamaged:
        return None
    if mark is not None and mark.logged and not (root / f"{FILE}-wal").exists():
        return mark._replace(generation=mark.generation + 1)
    return mark


def _backup(root: Path, given: Path | None, own: str | None) -> tuple[Path, Known | None]:
    """The backup's file, and what it says of itself; None where it cannot be used."""
    source = given if given is not None else root / PLACE
    known = known_of(source)
    if known is not None and own is not None and known.ledger != own:
        known = None
    if given is not None and known is None:
        what = f"is no backup of the ledger of {root}" if source.exists() else "does not exist"
        raise ConfigError(f"{source} {what}: give another file with --from")
    return source, known


def _set_aside(root: Path) -> Path | None:
    """Copy the old files into a new folder of the workspace; None where there are none."""
    files = [path for path in (root / FILE, root / f"{FILE}-wal") if path.exists() and path.stat().st_size > 0]
    if not files:
        return None
    number = 1
    while (folder := root / f"ledger.damaged-{number}").exists():
        number += 1
    folder.mkdir(mode=0o700)
    for path in files:
        shutil.copy2(path, folder)
        sync(folder / path.name)
    return folder


def _put_in_place(root: Path) -> None:
    """Exchange the ledger for the finished new one, if there is one; after a kill the next repair does it."""
    new = root / _REPAIRED
    if not new.exists():
        return
    # The old log must never meet the new file. Its rows are in the new file already.
    for suffix in ("-wal", "-shm"):
        (root / f"{FILE}{suffix}").unlink(missing_ok=True)
    new.replace(root / FILE)
    sync(root)
    with closing(Ledger(f"sqlite:///{root / FILE}")) as ledger:
        write_mark(root, mark_of(ledger, FILE))
