"""Registered sources: added, updated, and listed by position."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from curation.ledger import tables as t
from curation.ledger.entries import Registered, rejection_entry
from curation.ledger.part import CHUNK, Part, as_stored, checksum, chunks
from curation.ledger.results import retire, write_entry
from curation.ledger.stages import SOURCE
from schemas.records import Rejection, Source

_READING = 900.0  # seconds that a list on a slow network may take for some hundred rows


class SourceRows(Part):
    """The registered sources of a ledger."""

    def register(self, items: Iterable[Source | Rejection]) -> list[str]:
        """Add sources and unusable list rows in one transaction, keeping the order; known ids keep their position.

        A known id whose row changed is updated. A source that has another id since an earlier version keeps that one
        (`known_as`). Returns the ids in the order given, each once.
        """
        ids: dict[str, None] = {}
        c = t.sources.c
        remaining = iter(items)
        with self.writing(may_idle=_READING) as connection:
            while chunk := _under_known_ids(connection, list(islice(remaining, CHUNK))):
                rows = sa.select(c.id, c.digest, c.payload).where(c.id.in_([item.id for item in chunk]))
                known = {row.id: (row.digest, row.payload) for row in connection.execute(rows)}
                # An earlier version's `retry` erased the reason of a row and left the row.
                stored = _with_reason(connection, [item.id for item in chunk if isinstance(item, Rejection)])
                for item in chunk:
                    if isinstance(item, Rejection) and item.id in known and item.id not in stored:
                        known[item.id] = ("", "")
                    ids[item.id] = None
                    known[item.id] = _register(connection, item, known.get(item.id))
        return list(ids)

    def sources(self, ids: Sequence[str] | None = None) -> Iterator[Registered]:
        """The registered sources by position, all or those of `ids`; memory holds some hundred at a time.

        Raises LedgerDamaged for a source that is not what was stored.
        """
        c = t.sources.c
        query = sa.select(c.position, c.id, c.digest, c.payload, c.checksum).order_by(c.position)
        with self.engine.connect() as connection:
            if ids is None:
                last = -1
                while rows := connection.execute(query.where(c.position > last).limit(CHUNK)).all():
                    yield from map(self._registered, rows)
                    last = rows[-1].position
                return
            for chunk in chunks(list(ids)):
                yield from map(self._registered, connection.execute(query.where(c.id.in_(chunk))))

    def _registered(self, row: Any) -> Registered:
        as_stored(self.engine, row.payload, row.checksum, f"the list row of video {row.id}")
        return Registered(row.position, row.id, row.digest, row.payload)


def known_as(video_id: str) -> str:
    """The property that holds the id under which a source with this id was registered by an earlier version."""
    return f"known as {video_id}"[:64]


def _under_known_ids(connection: sa.Connection, items: list[Source | Rejection]) -> list[Source | Rejection]:
    names = {known_as(item.id): item.id for item in items if isinstance(item, Source)}
    query = sa.select(t.properties.c.name, t.properties.c.value).where(t.properties.c.name.in_(names))
    earlier = {names[row.name]: row.value for row in connection.execute(query)} if names else {}
    return [
        item.model_copy(update={"id": earlier[item.id]}) if isinstance(item, Source) and item.id in earlier else item
        for item in items
    ]


def _with_reason(connection: sa.Connection, ids: Sequence[str]) -> set[str]:
    """The unusable rows among `ids` whose rejection is stored."""
    r = t.results.c
    query = sa.select(r.video_id).where(r.video_id.in_(ids), r.stage == SOURCE, r.current)
    return set(connection.execute(query).scalars()) if ids else set()


def _register(connection: sa.Connection, item: Source | Rejection, known: tuple[str, str] | None) -> tuple[str, str]:
    """Add or update one source; returns its digest and payload as they are now."""
    payload = item.canonical() if isinstance(item, Source) else ""
    digest = address_digest(item) or (known or ("", ""))[0]
    if known == (digest, payload):
        return known
    values = {"digest": digest, "payload": payload, "checksum": checksum(payload)}
    if known is not None:
        connection.execute(sa.update(t.sources).where(t.sources.c.id == item.id).values(values))
    else:
        connection.execute(sa.insert(t.sources).values(id=item.id, **values))
    if isinstance(item, Rejection):
        r = t.results.c
        connection.execute(sa.delete(t.results).where(r.video_id == item.id, r.stage == SOURCE))  # where it lay before
        write_entry(connection, rejection_entry(item, digest, 1, 0.0), ())
    else:
        retire(connection, item.id, [SOURCE])
    return digest, payload


def address_digest(item: Source | Rejection) -> str | None:
    """The digest of a source's address and, for a local file, its size and time; None when the file is gone.

    Where subtitles were looked for beside it, their names, sizes and times are a part of the digest.
    """
    if isinstance(item, Rejection):
        return item.digest()
    parts: list[Any] = [item.kind, item.uri]
    if item.kind == "file":
        try:
            stat = Path(item.uri).stat()
        except OSError:
            return None
        parts += [stat.st_size, stat.st_mtime_ns]
    if item.subtitles is not None:
        parts.append([[one.path, one.language, *_state(one.path)] for one in item.subtitles])
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _state(path: str) -> tuple[int, int]:
    """The size and the time of a file; (-1, 0) when it is gone."""
    try:
        stat = Path(path).stat()
    except OSError:
        return -1, 0
    return stat.st_size, stat.st_mtime_ns
