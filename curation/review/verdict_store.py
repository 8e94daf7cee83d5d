"""The store of verdicts in the ledger: verdicts (append-only), the tasks pushed to projects, and pull positions."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Any, NamedTuple

import sqlalchemy as sa

from curation.ledger import tables as t
from curation.ledger.ledger import Ledger
from curation.ledger.part import as_stored, checksum
from curation.ledger.stages import EXPORT
from schemas.review import Stratum, Verdict

_CHUNK = 500
_LONGEST_ID = 128
DATED_AHEAD = "dated in the future"  # a problem of a verdict, by the clock of the server that it came from
_NEVER = datetime.min.replace(tzinfo=UTC)
_WRITING = 0x76327875  # the number of this project's advisory lock on PostgreSQL


class Pushed(NamedTuple):
    """The newest task of a sample in a project of the server; `pushed_at` is Unix time in seconds."""

    sample_id: str
    content_sha256: str
    task_id: int
    stratum: Stratum
    pushed_at: float


class Reviews:
    """The verdicts of a workspace. Several threads and, on PostgreSQL, several processes may write at once."""

    def __init__(self, ledger: Ledger) -> None:
        """Use the database of an open ledger."""
        self._ledger, self._engine = ledger, ledger.engine

    def store(self, verdicts: Iterable[Verdict]) -> int:
        """Add verdicts in one transaction and return the number of new ones.

        A verdict is not new when a stored verdict has the same origin and the same update time (the same moment, in
        whatever form it is written). Stored verdicts are never changed. A sample with a new verdict that could not be
        exported is tried again by the next export: the edits of people may have been the cause.
        """
        remaining = iter(verdicts)
        new = 0
        insert = t.inserting(t.verdicts, self._engine.dialect).on_conflict_do_nothing()
        statement = insert.returning(t.verdicts.c.sample_id)
        r = t.results.c
        refused = sa.delete(t.results).where(r.stage == EXPORT, r.current)
        with self._writing() as connection:
            while chunk := list(islice(remaining, _CHUNK)):
                added = connection.execute(statement, [_row(verdict) for verdict in chunk]).scalars().all()
                new += len(added)
                connection.execute(refused.where(r.video_id.in_(set(added))))
        return new

    def verdicts(self, sample_ids: Sequence[str] | None = None) -> Iterator[Verdict]:
        """Yield all verdicts in the order in which they were stored, or those on these samples; few are in memory.

        Raises LedgerDamaged for a verdict that is not what was stored.
        """
        c = t.verdicts.c
        query = sa.select(c.position, c.sample_id, c.payload, c.checksum).order_by(c.position)
        if sample_ids is None:
            last = -1
            while rows := self._rows(query.where(c.position > last).limit(_CHUNK)):
                yield from map(self._verdict, rows)
                last = rows[-1].position
            return
        wanted = list(dict.fromkeys(sample_ids))
        for start in range(0, len(wanted), _CHUNK):
            chunk = wanted[start : start + _CHUNK]
            for row in self._rows(query.where(c.sample_id.in_([_id(name) for name in chunk]))):
                verdict = self._verdict(row)
                if verdict.sample_id in chunk:
                    yield verdict

    def judged(self, decision: str | None = None) -> list[str]:
        """The sorted ids of the samples that have a finished verdict, or a verdict with this decision."""
        c = t.verdicts.c
        query = sa.select(c.sample_id).where(c.decision.is_not(None) if decision is None else c.decision == decision)
        with self._engine.connect() as connection:
            return sorted(connection.execute(query.distinct()).scalars())

    def keys(self, sample_ids: Sequence[str]) -> dict[str, list[str]]:
        """The keys of the finished verdicts on these samples: sample id -> sorted hashes, one for each verdict."""
        c = t.verdicts.c
        query = sa.select(c.sample_id, c.key).where(c.decision.is_not(None)).order_by(c.key)
        keys: dict[str, list[str]] = {}
        for start in range(0, len(sample_ids), _CHUNK):
            for row in self._rows(query.where(c.sample_id.in_(sample_ids[start : start + _CHUNK]))):
                keys.setdefault(row.sample_id, []).append(row.key)
        return keys

    def pushed(self, project: str) -> dict[str, Pushed]:
        """The samples that were pushed to a project: sample id -> its newest task."""
        rows = self._rows(sa.select(t.pushed).where(t.pushed.c.project == project))
        return {
            row.sample_id: Pushed(row.sample_id, row.content_sha256, row.task_id, row.stratum, row.pushed_at)
            for row in rows
        }

    def pushed_ids(self) -> set[str]:
        """The ids of the samples that have a task in any project."""
        return {row.sample_id for row in self._rows(sa.select(t.pushed.c.sample_id).distinct())}

    def note_pushed(self, project: str, pushed: Iterable[Pushed]) -> None:
        """Record tasks of a project in one transaction; the new task of a sample replaces its earlier task."""
        remaining = iter(pushed)
        insert = t.inserting(t.pushed, self._engine.dialect)
        keys = ("project", "sample_id")
        values = {c.name: insert.excluded[c.name] for c in t.pushed.c if c.name not in keys}
        statement = insert.on_conflict_do_update(index_elements=keys, set_=values)
        with self._writing() as connection:
            while chunk := list(islice(remaining, _CHUNK)):
                connection.execute(statement, [{"project": project, **_pushed_row(task)} for task in chunk])

    def cursor(self, project: str) -> str | None:
        """The position up to which a project was pulled; None when it was never pulled."""
        rows = self._rows(sa.select(t.cursors.c.value).where(t.cursors.c.project == project))
        return str(rows[0].value) if rows else None

    def set_cursor(self, project: str, value: str) -> None:
        """Record the position up to which a project was pulled."""
        insert = t.inserting(t.cursors, self._engine.dialect)
        statement = insert.on_conflict_do_update(index_elements=("project",), set_={"value": insert.excluded.value})
        with self._ledger.writing() as connection:
            connection.execute(statement, {"project": project, "value": value})

    def _verdict(self, row: sa.Row[Any]) -> Verdict:
        payload = as_stored(self._engine, row.payload, row.checksum, f"a verdict on {row.sample_id}")
        return Verdict.model_validate_json(payload)

    def _rows(self, query: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        with self._engine.connect() as connection:
            return connection.execute(query).all()

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        """A transaction without other writers. On PostgreSQL two writers could wait for each other's rows for ever.

        SQLite allows one writer at a time anyway.
        """
        with self._ledger.writing() as connection:
            if self._engine.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_WRITING)))
            yield connection


def moment(text: str) -> datetime | None:
    """The moment of an ISO 8601 text, in UTC (a time without a zone counts as UTC); None for any other text."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return None
    try:
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except OverflowError:
        return None


def given_at(verdict: Verdict) -> datetime:
    """When a verdict was given, in UTC; the earliest time of all when that is unknown.

    It is unknown without a readable time, and where the time was in the future when the verdict was pulled: a later
    correction has its right time and must come after it.
    """
    at = None if DATED_AHEAD in verdict.problems else moment(verdict.updated_at)
    return at or _NEVER


def _row(verdict: Verdict) -> dict[str, Any]:
    at = moment(verdict.updated_at)
    key = json.dumps([verdict.origin, at.isoformat() if at else verdict.updated_at])
    payload = verdict.canonical()
    return {
        "key": hashlib.sha256(key.encode()).hexdigest(),
        "sample_id": _id(verdict.sample_id),
        "decision": verdict.decision,
        "payload": payload,
        "stored_at": time.time(),
        "checksum": checksum(payload),
    }


def _pushed_row(pushed: Pushed) -> dict[str, Any]:
    return pushed._asdict() | {
        "sample_id": _id(pushed.sample_id),
        "content_sha256": _id(pushed.content_sha256)[:64],
    }


def _id(name: str) -> str:
    """A sample id as the database stores it: it comes from a server to which others may write."""
    return name.replace("\0", "")[:_LONGEST_ID]
