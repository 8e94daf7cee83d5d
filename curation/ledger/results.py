"""The results of stages: current and older ones, as heads, entries and payloads."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from curation.ledger import tables as t
from curation.ledger.entries import Entry, Head
from curation.ledger.part import Part, as_stored, chunks
from schemas.records import Effort, Rejection


class ResultRows(Part):
    """The methods of a ledger about the results of stages.

    Whatever returns payloads compares them with their digests, and raises LedgerDamaged where they differ.
    """

    def heads(self, ids: Sequence[str]) -> dict[str, dict[str, Head]]:
        """Current results without payloads: video id -> stage -> Head."""
        r = t.results.c
        query = sa.select(r.video_id, r.stage, r.fingerprint, r.status, r.digest, r.error_class, r.reason)
        query = query.where(r.current)
        found: dict[str, dict[str, Head]] = {}
        with self.engine.connect() as connection:
            for chunk in chunks(list(ids)):
                for video_id, stage, *rest in connection.execute(query.where(r.video_id.in_(chunk))).all():
                    found.setdefault(video_id, {})[stage] = Head(stage, *rest)
        return found

    def digests(self, ids: Sequence[str], stages: Sequence[str]) -> dict[str, dict[str, str]]:
        """The digests of the current results of some stages: video id -> stage -> digest."""
        r = t.results.c
        query = sa.select(r.video_id, r.stage, r.digest).where(r.current, r.stage.in_(stages))
        found: dict[str, dict[str, str]] = {}
        with self.engine.connect() as connection:
            for chunk in chunks(list(ids)):
                for video_id, stage, digest in connection.execute(query.where(r.video_id.in_(chunk))).all():
                    found.setdefault(video_id, {})[stage] = digest
        return found

    def all_digests(self, video_id: str) -> dict[str, set[str]]:
        """The digests of all finished results of a video, current and older ones: stage -> digests."""
        r = t.results.c
        query = sa.select(r.stage, r.digest).where(r.video_id == video_id, r.status == "done")
        found: dict[str, set[str]] = {}
        with self.engine.connect() as connection:
            for stage, digest in connection.execute(query):
                found.setdefault(stage, set()).add(digest)
        return found

    def entry(self, video_id: str, stage: str, fingerprint: str | None = None) -> Entry | None:
        """The current result of a stage with its payload; with a fingerprint the result that has it, current or not."""
        query, values = (_CURRENT, {}) if fingerprint is None else (_ENTRY, {"f": fingerprint})
        with self.engine.connect() as connection:
            row = connection.execute(query, {"v": video_id, "s": stage, **values}).first()
        return self._entry(row) if row is not None else None

    def entries(self, video_id: str) -> list[Entry]:
        """All results of a video that are current, with payloads."""
        query = sa.select(t.results).where(t.results.c.video_id == video_id, t.results.c.current)
        with self.engine.connect() as connection:
            return [self._entry(row) for row in connection.execute(query)]

    def payloads(self, ids: Sequence[str], stages: Sequence[str]) -> Iterator[tuple[str, str, str]]:
        """Finished, current records of some stages as (video id, stage, payload), in no particular order."""
        r = t.results.c
        query = sa.select(r.video_id, r.stage, r.payload, r.digest)
        query = query.where(r.current, r.status == "done", r.stage.in_(stages))
        with self.engine.connect() as connection:
            for chunk in chunks(list(ids)):
                for row in connection.execute(query.where(r.video_id.in_(chunk))):
                    yield row.video_id, row.stage, self._payload(row)

    def write(self, entry: Entry, later: Sequence[str], *, first: bool = False) -> None:
        """Store a result as the current one of its stage; results of the `later` stages stop being current.

        `first`: no result of these stages is current, so that one statement will do. That is most of a run's writing.
        """
        if first:
            with suppress(sa.exc.IntegrityError), self.writing() as connection:
                connection.execute(_INSERT, _values(entry))
                return
            # An older result has the same fingerprint: it is replaced.
        with self.writing() as connection:
            write_entry(connection, entry, later)

    def older(self, stage: str, ids: Sequence[str]) -> dict[str, set[str]]:
        """The results of a stage that were current before: video id -> fingerprints, without transient failures."""
        r = t.results.c
        query = sa.select(r.video_id, r.fingerprint).where(r.stage == stage, ~r.current)
        query = query.where(r.error_class.is_(None) | (r.error_class != "transient"))
        found: dict[str, set[str]] = {}
        with self.engine.connect() as connection:
            for chunk in chunks(list(ids)):
                for video_id, fingerprint in connection.execute(query.where(r.video_id.in_(chunk))):
                    found.setdefault(video_id, set()).add(fingerprint)
        return found

    def adopt(self, video_id: str, stage: str, fingerprint: str, later: Sequence[str]) -> None:
        """Make an older result with this fingerprint current again."""
        with self.writing() as connection:
            retire(connection, video_id, [stage, *later])
            connection.execute(_ADOPT, {"v": video_id, "s": stage, "f": fingerprint})

    def set_aside(self, stages: Mapping[str, Sequence[str]]) -> None:
        """Results stop being current: video id -> stages. They count again where `adopt` finds them."""
        with self.writing() as connection:
            for video_id, names in stages.items():
                retire(connection, video_id, names)

    def forget(self, video_id: str, stage: str) -> None:
        """Delete the current result of a stage, so that the next run tries again."""
        r = t.results.c
        with self.writing() as connection:
            connection.execute(sa.delete(t.results).where(r.video_id == video_id, r.stage == stage, r.current))

    def outdate(self, video_id: str, stage: str) -> None:
        """Put the current result of a stage aside, so that the next run tries again; `outdated` gives it."""
        r = t.results.c
        with self.writing() as connection:
            current = sa.and_(r.video_id == video_id, r.stage == stage, r.current)
            fingerprint = connection.execute(sa.select(r.fingerprint).where(current)).scalar_one_or_none()
            if fingerprint is not None:
                name = _outdated(fingerprint)
                connection.execute(_DELETE, {"v": video_id, "s": stage, "f": name})
                connection.execute(sa.update(t.results).where(current).values(fingerprint=name, current=False))

    def outdated(self, video_id: str, stage: str, fingerprint: str) -> Entry | None:
        """The result with this fingerprint that was put aside; no run takes it for one that is up to date."""
        return self.entry(video_id, stage, _outdated(fingerprint))

    def forget_transient(self, stage: str) -> None:
        """Delete the current transient failures of a stage or of the export, so that all of them are tried again."""
        r = t.results.c
        chosen = sa.and_(r.stage == stage, r.current, r.error_class == "transient")
        with self.writing() as connection:
            connection.execute(sa.delete(t.results).where(chosen))

    def forget_file_missing(self) -> None:
        """Delete the current rejections `file_missing` that hold for ever, as earlier versions stored them.

        A lost file is fetched again, so those videos are tried again.
        """
        r = t.results.c
        chosen = sa.and_(r.current, r.error_class == "permanent", r.reason == "file_missing")
        with self.writing() as connection:
            connection.execute(sa.delete(t.results).where(chosen))

    def rejections_at(self, places: Mapping[str, str]) -> dict[str, Rejection]:
        """The current rejections of some videos, each at the stage that is given for it: video id -> rejection."""
        r = t.results.c
        query = sa.select(r.video_id, r.stage, r.payload, r.digest).where(r.current, r.status == "rejected")
        found: dict[str, Rejection] = {}
        with self.engine.connect() as connection:
            for chunk in chunks(list(places)):
                for row in connection.execute(query.where(r.video_id.in_(chunk))):
                    if places[row.video_id] == row.stage:
                        found[row.video_id] = Rejection.model_validate_json(self._payload(row))
        return found

    def is_empty(self) -> bool:
        """Whether no stage has a result yet."""
        with self.engine.connect() as connection:
            return connection.execute(sa.select(t.results.c.video_id).limit(1)).first() is None

    def rejections(self) -> Iterator[Rejection]:
        """Every current rejection, by video id and stage; memory holds some hundred at a time."""
        r = t.results.c
        rejected = sa.and_(r.current, r.status == "rejected")
        with self.engine.connect() as connection:
            ids = sorted(connection.execute(sa.select(r.video_id).where(rejected).distinct()).scalars())
            for chunk in chunks(ids):
                rows = connection.execute(
                    sa.select(r.video_id, r.stage, r.payload, r.digest).where(rejected, r.video_id.in_(chunk))
                )
                for row in sorted(rows, key=lambda row: (row.video_id, row.stage)):
                    yield Rejection.model_validate_json(self._payload(row))

    def _payload(self, row: Any) -> str:
        return as_stored(self.engine, row.payload, row.digest, f"the result of {row.stage} for video {row.video_id}")

    def _entry(self, row: sa.Row[Any]) -> Entry:
        self._payload(row)
        head = Head(row.stage, row.fingerprint, row.status, row.digest, row.error_class, row.reason)
        effort = Effort(tokens_in=row.tokens_in, tokens_out=row.tokens_out, attempts=row.requests)
        return Entry(row.video_id, head, row.payload, row.attempts, effort, row.seconds, row.made_at, row.content)


def _outdated(fingerprint: str) -> str:
    return hashlib.sha256(f"outdated {fingerprint}".encode()).hexdigest()


# Built once: composing a statement costs more than running it.
_r = t.results.c
_SAME = sa.and_(_r.video_id == sa.bindparam("v"), _r.stage == sa.bindparam("s"), _r.fingerprint == sa.bindparam("f"))
_DELETE = sa.delete(t.results).where(_SAME)
_ADOPT = sa.update(t.results).where(_SAME).values(current=True)
_INSERT = sa.insert(t.results)
_CURRENT = sa.select(t.results).where(_r.video_id == sa.bindparam("v"), _r.stage == sa.bindparam("s"), _r.current)
_ENTRY = sa.select(t.results).where(_SAME)


def write_entry(connection: sa.Connection, entry: Entry, later: Sequence[str]) -> None:
    """Store a result as the current one of its stage, inside an open transaction; see `ResultRows.write`."""
    head = entry.head
    retire(connection, entry.video_id, [head.stage, *later])
    connection.execute(_DELETE, {"v": entry.video_id, "s": head.stage, "f": head.fingerprint})
    connection.execute(_INSERT, _values(entry))


def _values(entry: Entry) -> dict[str, Any]:
    """The columns of a current result."""
    return {
        "video_id": entry.video_id,
        **entry.head._asdict(),
        "current": True,
        "payload": entry.payload,
        "attempts": entry.attempts,
        "tokens_in": entry.effort.tokens_in,
        "tokens_out": entry.effort.tokens_out,
        "requests": entry.effort.attempts,
        "seconds": entry.seconds,
        "made_at": entry.made_at,
        "content": entry.content,
    }


def retire(connection: sa.Connection, video_id: str, stages: Sequence[str]) -> None:
    """Results of a video at these stages stop being current, inside an open transaction."""
    names = {f"s{number}": stage for number, stage in enumerate(stages)}
    connection.execute(_retiring(len(stages)), {"v": video_id, **names})


@functools.cache
def _retiring(stages: int) -> sa.Update:
    """The statement for so many stages, one parameter each: SQLAlchemy renders a list parameter at every call."""
    named = sa.or_(sa.false(), *(_r.stage == sa.bindparam(f"s{number}") for number in range(stages)))
    return sa.update(t.results).values(current=False).where(_r.video_id == sa.bindparam("v"), named, _r.current)
