"""Hosts in memory and in a ledger, each with a time that only sleeping and the test advance."""

from __future__ import annotations

import sqlalchemy as sa

from curation.download.pacing.hosts import Hosts
from curation.download.pacing.in_ledger import InLedger
from curation.download.pacing.states import HostStates, InMemory
from curation.ledger import tables as t
from curation.ledger.ledger import Ledger
from schemas.configuration.config import DownloadConfig


class World:
    """Hosts of one process whose clock stands still. `slept` are the waits, in whole seconds."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[int] = []
        self.states: HostStates = InMemory(lambda: self.now)

    def hosts(self, pace: float = 0.0) -> Hosts:
        return Hosts(DownloadConfig(pace=pace), self.states, pause=100, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds))
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def paused(self) -> dict[str, int]:
        return {each.host: round(each.seconds) for each in self.states.paused()}


class SharedWorld(World):
    """Hosts in a ledger, whose times are shifted back: the database's own clock goes on by milliseconds only."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self.ledger = ledger
        states = InLedger(ledger)
        states.forget()
        self.states = states

    def advance(self, seconds: float) -> None:
        by = sa.literal(seconds) * sa.literal_column("interval '1 second'", sa.Interval)
        times = {name: t.hosts.c[name] - by for name in ("next_turn", "closed_until", "trying_until")}
        with self.ledger.engine.begin() as connection:
            connection.execute(sa.update(t.hosts).values(times))
