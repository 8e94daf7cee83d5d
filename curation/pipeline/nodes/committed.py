"""What nodes have committed of the videos that they were given: the driver reads it from the ledger every few seconds.

Only rows count that were not there when the videos were given. Whether they were is asked of the rows themselves, by
stage, fingerprint and time: no clock of a machine is compared with another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from curation.ledger import tables as t
from curation.ledger.ledger import Ledger
from curation.ledger.part import chunks


class Row(NamedTuple):
    """A current result of a stage, `done` or `rejected`; `made_at` is the unix time of the machine that made it."""

    video_id: str
    stage: str
    fingerprint: str
    status: str
    made_at: float


class Committed:
    """The rows of the videos that nodes have now. Memory grows with those videos only. One thread uses it."""

    def __init__(self, ledger: Ledger) -> None:
        """No video is given yet."""
        self._ledger = ledger
        self._known: dict[str, set[Row]] = {}
        self._done: set[str] = set()

    def given(self, ids: Iterable[str]) -> None:
        """Videos are about to be given to a node. Those that it had before are watched on."""
        new = [video_id for video_id in ids if video_id not in self._known]
        self._known |= {video_id: set() for video_id in new}
        for row in self._rows(new):
            self._known[row.video_id].add(row._replace(status=""))

    def done(self, ids: Iterable[str]) -> None:
        """Nobody works on these videos any more: they are read once again."""
        self._done.update(ids)

    def count(self, ids: Iterable[str]) -> int:
        """How many rows are known of these videos."""
        return sum(len(self._known.get(video_id, ())) for video_id in ids)

    def read(self) -> list[Row]:
        """The rows that became current since the last call, the oldest first."""
        new = []
        for row in self._rows(list(self._known), _r.current):
            plain = row._replace(status="")
            if plain not in self._known[row.video_id]:
                self._known[row.video_id].add(plain)
                new.append(row)
        for video_id in self._done:
            self._known.pop(video_id, None)
        self._done.clear()
        return sorted(new, key=lambda row: row.made_at)

    def _rows(self, ids: Sequence[str], *conditions: sa.ColumnElement[bool]) -> list[Row]:
        query = sa.select(_r.video_id, _r.stage, _r.fingerprint, _r.status, _r.made_at).where(*conditions)
        with self._ledger.engine.connect() as connection:
            return [
                Row(*row) for chunk in chunks(ids) for row in connection.execute(query.where(_r.video_id.in_(chunk)))
            ]


_r = t.results.c
