"""Forgets what the lists name no more: unusable rows, and videos of which nothing was ever finished."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import sqlalchemy as sa

from curation.ledger import tables as t
from curation.ledger.ledger import Ledger
from curation.ledger.part import CHUNK, chunks
from curation.ledger.stages import SOURCE
from schemas.records import Rejection, Source


def forget_unnamed(ledger: Ledger, named: Iterable[str], is_gone: Callable[[Source | Rejection], bool]) -> int:
    """Forget rows that left their list, in one transaction; returns how many.

    `named` are the ids that were just registered, and `is_gone` is asked about each of the others. A video with a
    finished result stays, with everything that was made of it, also after its row was deleted.
    """
    kept = set(named)
    s, r = t.sources.c, t.results.c
    finished = sa.exists().where(r.video_id == s.id, r.status == "done")
    with ledger.engine.connect() as connection:
        unnamed = [i for i in connection.execute(sa.select(s.id).where(~finished)).scalars() if i not in kept]
    gone: list[str] = []
    for start in range(0, len(unnamed), CHUNK):
        chunk = unnamed[start : start + CHUNK]
        told = ledger.rejections_at(dict.fromkeys(chunk, SOURCE))
        for registered in ledger.sources(chunk):
            item = registered.source() or told.get(registered.id) or _without_reason(registered.id)
            if is_gone(item):
                gone.append(registered.id)
    with ledger.engine.begin() as connection:
        for chunk in chunks(gone):
            connection.execute(sa.delete(t.results).where(r.video_id.in_(chunk)))
            connection.execute(sa.delete(t.duplicates).where(t.duplicates.c.video_id.in_(chunk)))
            connection.execute(sa.delete(t.sources).where(s.id.in_(chunk)))
    return len(gone)


def _without_reason(row: str) -> Rejection:
    """A row whose reason the `retry` of an earlier version erased."""
    return Rejection(id=row, stage=SOURCE, error_class="permanent", reason="unknown")
