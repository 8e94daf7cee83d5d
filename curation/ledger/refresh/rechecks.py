"""What was found when a published video was looked for, one row a video: the latest answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import sqlalchemy as sa

from curation.ledger import tables as t
from curation.ledger.part import Part, chunks

Outcome = Literal["available", "absent", "gone", "licence", "unclear"]


class Recheck(NamedTuple):
    """The latest answer about a video. Times are unix times.

    `content` is the SHA-256 of the file that was published. `outcome`: `absent` was seen, and is not confirmed;
    `gone` and `licence` (the publisher states another one) make a tombstone since `gone_at`; `unclear` says nothing.
    `reason` is a slug (`removed`), `detail` what was said. `first_at` is the first of the looks that found it absent.
    """

    video_id: str
    content: str
    outcome: Outcome
    reason: str | None
    detail: str | None
    checked_at: float
    first_at: float | None = None
    gone_at: float | None = None


class RecheckRows(Part):
    """The methods of a ledger about rechecks."""

    def rechecks(self, ids: Sequence[str]) -> dict[str, Recheck]:
        """The latest answers about these videos, by id."""
        query = sa.select(t.rechecks)
        found: dict[str, Recheck] = {}
        with self.engine.connect() as connection:
            for chunk in chunks(list(ids)):
                for row in connection.execute(query.where(t.rechecks.c.video_id.in_(chunk))):
                    found[row.video_id] = Recheck(*row)
        return found

    def tombstones(self) -> dict[str, Recheck]:
        """The answers that make a tombstone, by id; those about bytes that a video no longer has are left out."""
        r = t.results.c
        same = sa.and_(r.video_id == t.rechecks.c.video_id, r.current, r.stage == "download")
        query = sa.select(t.rechecks).join(t.results, sa.and_(same, r.content == t.rechecks.c.content))
        query = query.where(t.rechecks.c.gone_at.is_not(None)).order_by(t.rechecks.c.video_id)
        with self.engine.connect() as connection:
            return {row.video_id: Recheck(*row) for row in connection.execute(query)}

    def note_recheck(self, recheck: Recheck) -> None:
        """Store an answer; it replaces the one before."""
        insert = t.inserting(t.rechecks, self.engine.dialect).values(recheck._asdict())
        changed = {name: insert.excluded[name] for name in Recheck._fields if name != "video_id"}
        with self.writing() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=["video_id"], set_=changed))
