"""A heartbeat on a real PostgreSQL: it keeps a claim, survives a short outage, and says when the claim is lost."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
import sqlalchemy as sa

from curation.ledger.claims import RUN
from curation.ledger.holding.heartbeat import Heartbeat
from curation.ledger.ledger import Ledger
from schemas.errors import ClaimLost
from tests.curation.ledger.holding.claiming import end
from tests.postgres import closing_engine, new_database, new_ledger

pytestmark = [pytest.mark.postgresql, pytest.mark.slow]


def wait_for(what: Callable[[], bool]) -> None:
    for _ in range(1200):
        if what():
            return
        time.sleep(0.05)
    pytest.fail("it did not come within a minute")


@contextmanager
def away(server: sa.URL, database: str) -> Iterator[None]:
    """A database that nobody can reach: its sessions are ended, and it takes no new ones."""
    with closing_engine(sa.create_engine(server, isolation_level="AUTOCOMMIT")) as engine, engine.connect() as admin:
        admin.execute(sa.text(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS false'))
        ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name"
        admin.execute(sa.text(ending), {"name": database})
        try:
            yield
        finally:
            admin.execute(sa.text(f'ALTER DATABASE "{database}" ALLOW_CONNECTIONS true'))


@pytest.fixture
def apart(postgresql: sa.URL) -> Iterator[tuple[Ledger, str]]:
    """A ledger in a database of its own."""
    name = f"beat {secrets.token_hex(4)}"
    with closing(new_ledger(new_database(postgresql, name))) as ledger:
        yield ledger, name


def test_a_claim_is_kept_through_a_short_outage(apart: tuple[Ledger, str], postgresql: sa.URL) -> None:
    ledger, name = apart
    claim = ledger.claim(RUN, "a", 3.0)
    assert claim is not None
    renewals = []
    with Heartbeat(ledger, claim) as beat:
        for _ in range(2):
            with away(postgresql, name):
                time.sleep(1.5)  # a renewal is due meanwhile
            held = ledger.held(RUN)
            assert held is not None and held.seconds is not None
            wait_for(lambda before=held.seconds: (now := ledger.held(RUN)) is not None and (now.seconds or 0) > before)  # type: ignore[misc]
            renewals.append(held)
        assert not beat.lost.is_set() and ledger.claim(RUN, "b", 3.0) is None
        beat.require()
    held = ledger.held(RUN)
    assert held is not None and held.seconds is None and len(renewals) == 2  # it was given back
    taken = ledger.claim(RUN, "b", 3.0)
    assert taken is not None and taken.fence == claim.fence + 1


@pytest.mark.parametrize("how", ["taken", "away"])
def test_a_claim_that_is_lost_is_told_once(apart: tuple[Ledger, str], postgresql: sa.URL, how: str) -> None:
    ledger, name = apart
    claim = ledger.claim(RUN, "a", 0.6)
    assert claim is not None
    told = threading.Semaphore(0)
    with Heartbeat(ledger, claim, told.release) as beat:
        if how == "taken":
            end(ledger, RUN)
            assert ledger.claim(RUN, "b", 60.0) is not None
            assert told.acquire(timeout=60)
        else:
            with away(postgresql, name):
                assert told.acquire(timeout=60)
        assert beat.lost.is_set()
        with pytest.raises(ClaimLost):
            beat.require()
    assert not told.acquire(blocking=False)
    held = ledger.held(RUN)
    assert held is not None and (how == "away" or (held.owner == "b" and held.current))  # giving back harms nobody
