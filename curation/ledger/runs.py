"""Records of runs: when they began and ended, their outcome, and counts by stage."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import NamedTuple

import sqlalchemy as sa

from curation.ledger import tables as t
from curation.ledger.part import Part

IDLE = "nothing to do"  # the outcome of a run for which nothing was due
PROBES = ("probing", "probed", "probe stopped")  # outcomes of runs that only probed, for `v2xum plan`


class RunRow(NamedTuple):
    """A run: its number, its outcome, what it did by stage, and when (unix time; `ended_at` None: it has not ended)."""

    number: int
    outcome: str
    stages: dict[str, dict[str, int]]
    started_at: float
    ended_at: float | None


class RunRows(Part):
    """The runs of a ledger."""

    def begin_run(self, outcome: str = "running") -> int:
        """Record that a run started; return its number. A probe has the outcomes of PROBES from its start on."""
        with self.writing() as connection:
            values = {"started_at": time.time(), "outcome": outcome, "counts": "{}"}
            key = connection.execute(sa.insert(t.runs).values(values)).inserted_primary_key
        return int(key[0]) if key is not None else 0

    def end_run(self, run: int, outcome: str, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Record the outcome of a run and its counts by stage."""
        values = {"ended_at": time.time(), "outcome": outcome, "counts": json.dumps(counts)}
        with self.writing() as connection:
            connection.execute(sa.update(t.runs).where(t.runs.c.id == run).values(values))

    def last_run(self, *, worked: bool = False) -> RunRow | None:
        """The newest run; with `worked` the newest of `v2xum curate` that had something to do. None for none."""
        query = sa.select(t.runs).order_by(t.runs.c.id.desc()).limit(1)
        if worked:
            query = query.where(t.runs.c.outcome.not_in((*PROBES, IDLE)))
        with self.engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        return RunRow(row.id, row.outcome, json.loads(row.counts), row.started_at, row.ended_at)
