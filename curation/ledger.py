"""The ledger: what is done, by whom, from what. Durability is here and nowhere else.

Every row is written in one transaction after the files that it speaks of lie in place, so that a kill at any
moment leaves either the old state or the new one. Threads may share a ledger; several processes are kept apart by the
workspace's lock, on SQLite and on PostgreSQL alike.
"""

from __future__ import annotations

import functools
import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from curation import tables as t
from curation.entries import Entry, Head, Registered, rejection_entry
from models.chat import Reply
from schemas.errors import ConfigError
from schemas.records import Effort, Rejection, Source

_CHUNK = 500  # bound parameters a statement; SQLite's own limit is far above
PROBES = ("probing", "probed", "probe stopped")  # outcomes of runs that only probed, for `v2xum plan`


class Ledger:
    """What every stage made of every video, in a database."""

    def __init__(self, url: str | sa.URL, schema: str | None = None) -> None:
        """Open the database at an SQLAlchemy URL and make its tables, on PostgreSQL in a schema that is there.

        Raises ConfigError for a ledger of an older layout.
        """
        # A connection that the server ended meanwhile is noticed before it is used.
        engine = sa.create_engine(url, pool_size=16, max_overflow=16, pool_pre_ping=schema is not None)
        if engine.dialect.name == "sqlite":
            sa.event.listen(engine, "connect", _tune_sqlite)
        self.engine = engine.execution_options(schema_translate_map={None: schema}) if schema else engine
        try:
            t.metadata.create_all(self.engine)
            columns = {column["name"] for column in sa.inspect(engine).get_columns(t.replies.name, schema)}
            if missing := {column.name for column in t.replies.columns} - columns:
                raise ConfigError(
                    "the workspace's ledger was made by an earlier version "
                    f"(its replies lack {', '.join(sorted(missing))}): use another --workspace"
                )
        except BaseException:
            engine.dispose()
            raise

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    # ---- sources

    def register(self, items: Iterable[Source | Rejection]) -> list[str]:
        """Add sources and unusable list rows in one transaction, keeping the order; known ids keep their position.

        A known id whose row changed is updated. Returns the ids in the order given, each once.
        """
        ids: dict[str, None] = {}
        c = t.sources.c
        remaining = iter(items)
        with self.engine.begin() as connection:
            while chunk := list(islice(remaining, _CHUNK)):
                rows = sa.select(c.id, c.digest, c.payload).where(c.id.in_([item.id for item in chunk]))
                known = {row.id: (row.digest, row.payload) for row in connection.execute(rows)}
                for item in chunk:
                    ids[item.id] = None
                    known[item.id] = _register(connection, item, known.get(item.id))
        return list(ids)

    def sources(self, ids: Sequence[str] | None = None) -> Iterator[Registered]:
        """Registered sources by position: all, or those named; so many at a time in memory."""
        columns = (t.sources.c.position, t.sources.c.id, t.sources.c.digest, t.sources.c.payload)
        query = sa.select(*columns).order_by(t.sources.c.position)
        with self.engine.connect() as connection:
            if ids is None:
                last = -1
                while rows := connection.execute(query.where(t.sources.c.position > last).limit(_CHUNK)).all():
                    yield from (Registered(*row) for row in rows)
                    last = rows[-1].position
                return
            for chunk in _chunks(list(ids)):
                yield from (Registered(*row) for row in connection.execute(query.where(t.sources.c.id.in_(chunk))))

    # ---- results

    def heads(self, ids: Sequence[str]) -> dict[str, dict[str, Head]]:
        """Current results without payloads: video id -> stage -> Head."""
        r = t.results.c
        query = sa.select(r.video_id, r.stage, r.fingerprint, r.status, r.digest, r.error_class, r.reason)
        query = query.where(r.current)
        found: dict[str, dict[str, Head]] = {}
        with self.engine.connect() as connection:
            for chunk in _chunks(list(ids)):
                for video_id, stage, *rest in connection.execute(query.where(r.video_id.in_(chunk))).all():
                    found.setdefault(video_id, {})[stage] = Head(stage, *rest)
        return found

    def digests(self, ids: Sequence[str], stages: Sequence[str]) -> dict[str, dict[str, str]]:
        """Of the current results of some stages, what later ones depend on: video id -> stage -> digest."""
        r = t.results.c
        query = sa.select(r.video_id, r.stage, r.digest).where(r.current, r.stage.in_(stages))
        found: dict[str, dict[str, str]] = {}
        with self.engine.connect() as connection:
            for chunk in _chunks(list(ids)):
                for video_id, stage, digest in connection.execute(query.where(r.video_id.in_(chunk))).all():
                    found.setdefault(video_id, {})[stage] = digest
        return found

    def entry(self, video_id: str, stage: str, fingerprint: str | None = None) -> Entry | None:
        """The current result of a stage with its payload, or the one with the given fingerprint, current or not."""
        query, values = (_CURRENT, {}) if fingerprint is None else (_ENTRY, {"f": fingerprint})
        with self.engine.connect() as connection:
            row = connection.execute(query, {"v": video_id, "s": stage, **values}).mappings().first()
        return _entry(row) if row is not None else None

    def entries(self, video_id: str) -> list[Entry]:
        """All results of a video that are current, with payloads."""
        query = sa.select(t.results).where(t.results.c.video_id == video_id, t.results.c.current)
        with self.engine.connect() as connection:
            return [_entry(row) for row in connection.execute(query).mappings()]

    def payloads(self, ids: Sequence[str], stages: Sequence[str]) -> Iterator[tuple[str, str, str]]:
        """Finished, current records of some stages as (video id, stage, payload), in no particular order."""
        r = t.results.c
        query = sa.select(r.video_id, r.stage, r.payload).where(r.current, r.status == "done", r.stage.in_(stages))
        with self.engine.connect() as connection:
            for chunk in _chunks(list(ids)):
                yield from ((*row,) for row in connection.execute(query.where(r.video_id.in_(chunk))))

    def write(self, entry: Entry, later: Sequence[str]) -> None:
        """Store a result as the current one of its stage; results of the `later` stages stop being current."""
        with self.engine.begin() as connection:
            _write(connection, entry, later)

    def older(self, stage: str, ids: Sequence[str]) -> dict[str, set[str]]:
        """Results of a stage that were current once: video id -> fingerprints; transient failures are left out."""
        r = t.results.c
        query = sa.select(r.video_id, r.fingerprint).where(r.stage == stage, ~r.current)
        query = query.where(r.error_class.is_(None) | (r.error_class != "transient"))
        found: dict[str, set[str]] = {}
        with self.engine.connect() as connection:
            for chunk in _chunks(list(ids)):
                for video_id, fingerprint in connection.execute(query.where(r.video_id.in_(chunk))):
                    found.setdefault(video_id, set()).add(fingerprint)
        return found

    def adopt(self, video_id: str, stage: str, fingerprint: str, later: Sequence[str]) -> None:
        """Make an older result with this fingerprint current again."""
        with self.engine.begin() as connection:
            _retire(connection, video_id, [stage, *later])
            connection.execute(_ADOPT, {"v": video_id, "s": stage, "f": fingerprint})

    def forget(self, video_id: str, stage: str) -> None:
        """Delete the current result of a stage, so that the next run tries again."""
        r = t.results.c
        with self.engine.begin() as connection:
            connection.execute(sa.delete(t.results).where(r.video_id == video_id, r.stage == stage, r.current))

    def rejections(self) -> Iterator[Rejection]:
        """Every current rejection, ordered by video id and stage; so many at a time in memory."""
        r = t.results.c
        rejected = sa.and_(r.current, r.status == "rejected")
        with self.engine.connect() as connection:
            ids = sorted(connection.execute(sa.select(r.video_id).where(rejected).distinct()).scalars())
            for chunk in _chunks(ids):
                rows = connection.execute(
                    sa.select(r.video_id, r.stage, r.payload).where(rejected, r.video_id.in_(chunk))
                )
                for row in sorted(rows, key=lambda row: (row.video_id, row.stage)):
                    yield Rejection.model_validate_json(row.payload)

    # ---- duplicates

    def contents(self) -> dict[str, str]:
        """Downloaded videos: id -> sha256 of the file."""
        r = t.results.c
        query = sa.select(r.video_id, r.content).where(r.current, r.content.is_not(None))
        with self.engine.connect() as connection:
            return {row.video_id: row.content for row in connection.execute(query)}

    def shared_contents(self) -> dict[str, list[str]]:
        """Contents that several videos share: sha256 of the file -> video ids by position."""
        r = t.results
        downloaded = sa.and_(r.c.current, r.c.content.is_not(None))
        shared = sa.select(r.c.content).where(downloaded).group_by(r.c.content).having(sa.func.count() > 1)
        query = (
            sa.select(r.c.content, r.c.video_id)
            .join(t.sources, t.sources.c.id == r.c.video_id)
            .where(downloaded, r.c.content.in_(shared))
            .order_by(t.sources.c.position)
        )
        groups: dict[str, list[str]] = {}
        with self.engine.connect() as connection:
            for content, video_id in connection.execute(query):
                groups.setdefault(content, []).append(video_id)
        return groups

    def duplicates(self, ids: Sequence[str] | None = None) -> dict[str, tuple[str, str]]:
        """Videos set aside as byte-identical with another, all or among those named: id -> (kept one's id, sha256)."""
        query = sa.select(t.duplicates)
        with self.engine.connect() as connection:
            selections = (
                [query]
                if ids is None
                else [query.where(t.duplicates.c.video_id.in_(chunk)) for chunk in _chunks(list(ids))]
            )
            return {row[0]: (row[1], row[2]) for selection in selections for row in connection.execute(selection)}

    def set_duplicates(self, mapping: Mapping[str, tuple[str, str]]) -> None:
        """Replace the whole table of duplicates in one transaction."""
        with self.engine.begin() as connection:
            connection.execute(sa.delete(t.duplicates))
            if mapping:
                rows = [{"video_id": v, "of_id": of, "sha256": sha} for v, (of, sha) in sorted(mapping.items())]
                connection.execute(sa.insert(t.duplicates), rows)

    # ---- replies: never pay twice

    def get(self, keys: Sequence[str]) -> dict[str, Reply]:
        """Stored replies by request key."""
        c = t.replies.c
        found: dict[str, Reply] = {}
        with self.engine.connect() as connection:
            for chunk in _chunks(list(keys)):
                for key, *rest in connection.execute(
                    sa.select(c.key, c.text, c.finish, c.tokens_in, c.tokens_out).where(c.key.in_(chunk))
                ):
                    found[key] = Reply(*rest)
        return found

    def put(self, replies: Mapping[str, Reply], model: str) -> None:
        """Store replies of a model (its name); one that is there already is replaced."""
        if not replies:
            return
        made = {"model": model, "made_at": time.time()}
        # In the order of their keys: two threads that store the same replies must not wait for each other.
        rows = [{"key": key, **reply._asdict(), **made} for key, reply in sorted(replies.items())]
        for row in rows:
            del row["server"]
        insert = t.inserting(t.replies, self.engine.dialect)
        values = {c.name: insert.excluded[c.name] for c in t.replies.c if c.name != "key"}
        with self.engine.begin() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=["key"], set_=values), rows)

    # ---- runs

    def begin_run(self, outcome: str = "running") -> int:
        """Record that a run started; returns its number. A probe's outcomes, the first included, are of PROBES."""
        with self.engine.begin() as connection:
            values = {"started_at": time.time(), "outcome": outcome, "counts": "{}"}
            key = connection.execute(sa.insert(t.runs).values(values)).inserted_primary_key
        return int(key[0]) if key is not None else 0

    def end_run(self, run: int, outcome: str, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Record how a run ended and what each stage did in it."""
        values = {"ended_at": time.time(), "outcome": outcome, "counts": json.dumps(counts)}
        with self.engine.begin() as connection:
            connection.execute(sa.update(t.runs).where(t.runs.c.id == run).values(values))

    def last_run(self, *, probes: bool = True) -> dict[str, Any] | None:
        """The newest run: number, outcome, counts by stage, and when it began and ended (unix time, None: not yet).

        Without `probes` the runs of `v2xum plan` are looked past.
        """
        query = sa.select(t.runs).order_by(t.runs.c.id.desc()).limit(1)
        if not probes:
            query = query.where(t.runs.c.outcome.not_in(PROBES))
        with self.engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        times = {"started_at": row.started_at, "ended_at": row.ended_at}
        return {"number": row.id, "outcome": row.outcome, "stages": json.loads(row.counts), **times}


def _register(connection: sa.Connection, item: Source | Rejection, known: tuple[str, str] | None) -> tuple[str, str]:
    """Add or update one source; returns its digest and payload as they are now."""
    payload = item.canonical() if isinstance(item, Source) else ""
    digest = _address_digest(item) or (known or ("", ""))[0]
    if known == (digest, payload):
        return known
    values = {"digest": digest, "payload": payload}
    if known is not None:
        connection.execute(sa.update(t.sources).where(t.sources.c.id == item.id).values(values))
    else:
        connection.execute(sa.insert(t.sources).values(id=item.id, **values))
    if isinstance(item, Rejection):
        _write(connection, rejection_entry(item, digest, 1, 0.0), ())
    else:
        _retire(connection, item.id, ["source"])
    return digest, payload


def _address_digest(item: Source | Rejection) -> str | None:
    """What the download depends on: the address and, for a local file, its size and time; None when it is gone."""
    if isinstance(item, Rejection):
        return item.digest()
    parts: list[Any] = [item.kind, item.uri]
    if item.kind == "file":
        try:
            stat = Path(item.uri).stat()
        except OSError:
            return None
        parts += [stat.st_size, stat.st_mtime_ns]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


# Built once: composing a statement costs more than running it.
_r = t.results.c
_SAME = sa.and_(_r.video_id == sa.bindparam("v"), _r.stage == sa.bindparam("s"), _r.fingerprint == sa.bindparam("f"))
_DELETE = sa.delete(t.results).where(_SAME)
_ADOPT = sa.update(t.results).where(_SAME).values(current=True)
_INSERT = sa.insert(t.results)
_CURRENT = sa.select(t.results).where(_r.video_id == sa.bindparam("v"), _r.stage == sa.bindparam("s"), _r.current)
_ENTRY = sa.select(t.results).where(_SAME)


def _write(connection: sa.Connection, entry: Entry, later: Sequence[str]) -> None:
    head = entry.head
    _retire(connection, entry.video_id, [head.stage, *later])
    connection.execute(_DELETE, {"v": entry.video_id, "s": head.stage, "f": head.fingerprint})
    values = {
        "video_id": entry.video_id,
        **head._asdict(),
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
    connection.execute(_INSERT, values)


def _retire(connection: sa.Connection, video_id: str, stages: Sequence[str]) -> None:
    names = {f"s{number}": stage for number, stage in enumerate(stages)}
    connection.execute(_retiring(len(stages)), {"v": video_id, **names})


@functools.cache
def _retiring(stages: int) -> sa.Update:
    """For so many stages, each with a parameter of its own: one list of them is spelled out anew at every call."""
    named = sa.or_(sa.false(), *(_r.stage == sa.bindparam(f"s{number}") for number in range(stages)))
    return sa.update(t.results).values(current=False).where(_r.video_id == sa.bindparam("v"), named, _r.current)


def _entry(row: sa.RowMapping) -> Entry:
    head = Head(row["stage"], row["fingerprint"], row["status"], row["digest"], row["error_class"], row["reason"])
    effort = Effort(tokens_in=row["tokens_in"], tokens_out=row["tokens_out"], attempts=row["requests"])
    return Entry(
        row["video_id"], head, row["payload"], row["attempts"], effort, row["seconds"], row["made_at"], row["content"]
    )


def _chunks(items: list[str]) -> Iterator[list[str]]:
    yield from (items[i : i + _CHUNK] for i in range(0, len(items), _CHUNK))


def _tune_sqlite(connection: Any, _record: object) -> None:
    """WAL lets readers go on beside the writer; a committed row survives the death of the process."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=60000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
