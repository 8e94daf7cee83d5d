"""Forgets what the lists name no more: unusable rows, and videos of which nothing was ever finished."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping

import sqlalchemy as sa

from curation.ledger import tables as t
from curation.ledger.ledger import Ledger
from curation.ledger.part import CHUNK, chunks
from curation.ledger.stages import SOURCE
from schemas.records import Rejection, Source

_SEVERAL = "several"


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
    with ledger.writing() as connection:
        for chunk in chunks(gone):
            connection.execute(sa.delete(t.results).where(r.video_id.in_(chunk)))
            connection.execute(sa.delete(t.duplicates).where(t.duplicates.c.video_id.in_(chunk)))
            connection.execute(sa.delete(t.sources).where(s.id.in_(chunk)))
    return len(gone)


def names_of_several(ledger: Ledger, places: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """The names under which lists at several places were read, now or by earlier runs; the present ones are noted.

    `places`: by the name of a list, which is its rows' origin, the paths at which lists of this name lie now. The name
    of a list outside the working directory is that of its file alone, so two lists of two folders may share it. The
    ledger notes a hash of the path.
    """
    several = set()
    for name, paths in places.items():
        fact = f"list {_hash(name)[:32]}"
        now = {_hash(path) for path in paths}
        before = ledger.property(fact)
        if len(now) > 1 or before not in (None, *now):
            several.add(name)
        noted = _SEVERAL if name in several else next(iter(now))
        if noted != before:
            ledger.replace_property(fact, noted)
    return frozenset(several)


def _hash(text: str) -> str:
    return hashlib.sha256(os.fsencode(text)).hexdigest()


def _without_reason(row: str) -> Rejection:
    """A row whose reason the `retry` of an earlier version erased."""
    return Rejection(id=row, stage=SOURCE, error_class="permanent", reason="unknown")
