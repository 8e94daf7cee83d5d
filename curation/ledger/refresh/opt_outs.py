"""Who opted out, as hashes, and which videos that concerns.

An opt-out stays in force until a list lifts it: a list that is lost brings nothing back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

import sqlalchemy as sa

from curation.ledger import tables as t
from curation.ledger.part import Part, chunks
from curation.sources.opt_outs import REASON, OptOut


class OptOutRows(Part):
    """The methods of a ledger about opt-outs."""

    def opt_outs(self) -> list[OptOut]:
        """The opt-outs in force, by kind and hash."""
        o = t.opt_outs.c
        query = sa.select(o.kind, o.sha256, o.name).order_by(o.kind, o.sha256)
        with self.engine.connect() as connection:
            return [OptOut(*row) for row in connection.execute(query)]

    def opted_out(self) -> dict[str, float]:
        """The videos that an opt-out concerns, with the unix time at which that was found."""
        query = sa.select(t.opted_out.c.video_id, t.opted_out.c.noted_at)
        with self.engine.connect() as connection:
            return {row.video_id: row.noted_at for row in connection.execute(query)}

    def note_opt_outs(self, added: Iterable[OptOut], lifted: Collection[OptOut], now: float) -> None:
        """Put opt-outs in force, and lift others, in one transaction.

        Where one is lifted, the videos that were refused before their download for this reason are tried again.
        """
        o, r = t.opt_outs.c, t.results.c
        rows = [{"kind": one.kind, "sha256": one.sha256, "name": one.name, "noted_at": now} for one in added]
        with self.writing() as connection:
            for one in lifted:
                connection.execute(sa.delete(t.opt_outs).where(o.kind == one.kind, o.sha256 == one.sha256))
            if rows:
                connection.execute(sa.insert(t.opt_outs), rows)
            if lifted:
                refused = sa.and_(r.stage == "download", r.current, r.reason == REASON)
                connection.execute(sa.delete(t.results).where(refused))

    def set_opted_out(self, ids: Collection[str], now: float) -> None:
        """Make these the videos that opt-outs concern; those that are known keep their time."""
        known = set(self.opted_out())
        new, over = sorted(set(ids) - known), sorted(known - set(ids))
        if not new and not over:
            return
        with self.writing() as connection:
            for chunk in chunks(over):
                connection.execute(sa.delete(t.opted_out).where(t.opted_out.c.video_id.in_(chunk)))
            if new:
                connection.execute(sa.insert(t.opted_out), [{"video_id": name, "noted_at": now} for name in new])
