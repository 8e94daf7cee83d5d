"""Claims on a real PostgreSQL: one current owner at most, fences that grow, and nothing late is committed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curation.ledger import tables as t
from curation.ledger.claims import RUN, Claim, new_owner, shard_key
from curation.ledger.holding.heartbeat import Heartbeat
from curation.ledger.ledger import Ledger
from curation.review.verdict_store import Reviews
from schemas.errors import ClaimLost, ConfigError
from schemas.records import Source
from tests.curation.ledger.holding.claiming import empty, end, fenced
from tests.curation.scripted_stages import source
from tests.postgres import new_ledger

OWNERS = ("a", "b", "c")
LONG = 600.0


@pytest.fixture(scope="module")
def shared(postgresql: sa.URL) -> Iterator[Ledger]:
    """A ledger on PostgreSQL for all tests here; each takes keys of its own, or empties the claims."""
    with closing(new_ledger(postgresql)) as ledger:
        yield ledger


STEPS = st.one_of(
    st.tuples(st.just("claim"), st.sampled_from(OWNERS)),
    st.tuples(st.just("renew"), st.sampled_from(OWNERS)),
    st.tuples(st.just("release"), st.sampled_from(OWNERS)),
    st.tuples(st.just("write"), st.sampled_from(OWNERS)),
    st.tuples(st.just("end"), st.just("")),
)


@pytest.mark.postgresql
@given(steps=st.lists(STEPS, min_size=1, max_size=14))
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_at_most_one_owner_is_current_and_only_its_writes_count(shared: Ledger, steps: list[tuple[str, str]]) -> None:
    empty(shared)
    mine: dict[str, Claim] = {}
    current: str | None = None  # what the rules say
    fences: list[int] = []
    for action, owner in steps:
        claim = mine.get(owner)
        if action == "claim":
            got = shared.claim(RUN, owner, LONG)
            assert (got is None) == (current is not None)
            if got is not None:
                assert not fences or got.fence > fences[-1]
                fences.append(got.fence)
                mine[owner], current = got, owner
        elif action == "renew" and claim is not None:
            assert shared.renew(claim) == (current == owner and claim.fence == fences[-1])
        elif action == "release" and claim is not None:
            shared.release(claim)
            current = None if current == owner else current
        elif action == "write" and claim is not None:
            shared.fence = claim
            try:
                shared.replace_property("by", f"{owner} {claim.fence}")
                assert current == owner and shared.property("by") == f"{owner} {fences[-1]}"
            except ClaimLost:
                assert current != owner
            finally:
                shared.fence = None
        elif action == "end":
            end(shared, RUN)
            current = None
        held = shared.held(RUN)
        assert (held is not None and held.current) == (current is not None)
        assert current is None or (held is not None and held.owner == current)


@pytest.mark.postgresql
def test_of_threads_that_claim_at_once_one_gets_it(shared: Ledger) -> None:
    for turn in range(5):
        got: list[Claim | None] = []
        start = threading.Barrier(6)

        def take(key: str, got: list[Claim | None] = got, start: threading.Barrier = start) -> None:
            start.wait(30)
            got.append(shared.claim(key, new_owner(), LONG))

        threads = [threading.Thread(target=take, args=(f"race {turn // 2}",)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        won = [claim for claim in got if claim is not None]
        assert len(got) == 6 and [claim.fence for claim in won] == [1 + turn % 2]
        shared.release(won[0])


@pytest.mark.postgresql
def test_a_new_owner_waits_for_a_commit_that_has_begun_and_a_renewal_does_not(shared: Ledger) -> None:
    empty(shared)
    claim = shared.claim(RUN, "old", LONG)
    assert claim is not None
    taken: list[Claim | None] = []
    with closing(fenced(shared, claim)) as ledger:
        with ledger.writing() as connection:
            connection.execute(sa.insert(t.properties).values(name="begun", value="in time"))
            assert shared.renew(claim)
            end(shared, RUN)
            thread = threading.Thread(target=lambda: taken.append(shared.claim(RUN, "new", LONG)))
            thread.start()
            with shared.engine.connect() as other:
                waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
                for _ in range(200):
                    if other.execute(waiting).scalar_one():
                        break
                    time.sleep(0.05)
                else:
                    pytest.fail("the new owner did not wait")
            assert taken == []
        thread.join(60)
        assert shared.property("begun") == "in time" and taken[0] is not None and taken[0].fence == claim.fence + 1
        with pytest.raises(ClaimLost, match=r"claim `run` ended.*Nothing was lost"):
            ledger.replace_property("begun", "late")
    assert shared.property("begun") == "in time"


WRITES = {
    "register": lambda ledger: ledger.register([source("late")]),
    "set_aside": lambda ledger: ledger.set_aside({"v": ["caption"]}),
    "adopt": lambda ledger: ledger.adopt("v", "caption", "f" * 64, ()),
    "forget": lambda ledger: ledger.forget("v", "caption"),
    "outdate": lambda ledger: ledger.outdate("v", "caption"),
    "transient": lambda ledger: ledger.forget_transient("caption"),
    "missing": lambda ledger: ledger.forget_file_missing(),
    "duplicates": lambda ledger: ledger.set_duplicates({"late": ("v", "s" * 64)}),
    "begin": lambda ledger: ledger.begin_run(),
    "end": lambda ledger: ledger.end_run(1, "finished", {}),
    "property": lambda ledger: ledger.set_property("late", "yes"),
    "identities": lambda ledger: ledger.note_identities("m", "{}"),
    "opted out": lambda ledger: ledger.set_opted_out(["late"], 1.0),
    "opt-outs": lambda ledger: ledger.note_opt_outs([], [], 1.0),
    "cursor": lambda ledger: Reviews(ledger).set_cursor("p", "late"),
    "verdicts": lambda ledger: Reviews(ledger).store([]),
}


@pytest.mark.postgresql
def test_no_part_of_a_ledger_writes_under_a_lost_claim(shared: Ledger) -> None:
    empty(shared)
    run = shared.claim(RUN, "driver", LONG)
    assert run is not None
    shard = shared.claim(shard_key(run, 3), "worker", LONG, run)
    assert shard is not None
    with closing(fenced(shared, shard)) as ledger:
        ledger.replace_property("in time", "yes")
        end(shared, RUN)  # the shard's own claim stays
        for write in WRITES.values():
            with pytest.raises(ClaimLost):
                write(ledger)
    with shared.engine.connect() as connection:
        for table in (t.sources, t.duplicates, t.runs, t.opted_out, t.identities, t.cursors):
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 0, table.name
    assert shared.property("late") is None


def test_every_transaction_that_writes_is_begun_in_one_place() -> None:
    root = Path(__file__).parents[4]
    allowed = {"curation/ledger/part.py", "curation/ledger/holding/claim_rows.py", "curation/ledger/databases.py"}
    found = {
        path.relative_to(root).as_posix()
        for folder in ("curation", "annotation", "flows", "tasks", "evaluation")
        for path in (root / folder).rglob("*.py")
        if "engine.begin(" in path.read_text(encoding="utf-8")
    }
    assert found == allowed


@pytest.mark.postgresql
def test_a_new_run_forgets_the_shards_of_the_last_and_their_owners_are_out(shared: Ledger) -> None:
    empty(shared)
    first = shared.claim(RUN, "one", LONG)
    assert first is not None
    shard = shared.claim(shard_key(first, 0), "worker", LONG, first)
    assert shard is not None and shared.claim(shard_key(first, 0), "other", LONG, first) is None
    shared.release(first)
    with pytest.raises(ClaimLost):
        shared.claim(shard_key(first, 1), "worker", LONG, first)
    second = shared.claim(RUN, "two", LONG)
    assert second is not None and second.fence > first.fence
    assert [row.key for row in shared.claims()] == [RUN]
    assert not shared.renew(shard)
    with closing(fenced(shared, shard)) as ledger, pytest.raises(ClaimLost):
        ledger.set_property("late", "yes")


@pytest.mark.postgresql
def test_a_fence_that_a_restored_database_gives_again_lets_the_old_owner_write_nothing(shared: Ledger) -> None:
    empty(shared)
    run = shared.claim(RUN, "old", LONG)
    assert run is not None
    shard = shared.claim(shard_key(run, 0), "old worker", LONG, run)
    assert shard is not None
    empty(shared)  # as after pg_restore of a dump from before the run
    again = shared.claim(RUN, "new", LONG)
    assert again is not None and again.fence == run.fence
    taken = shared.claim(shard_key(again, 0), "new worker", LONG, again)
    assert taken is not None and taken.fence == shard.fence
    for old in (run, shard, shard._replace(owner="new worker"), taken._replace(under=run)):
        with closing(fenced(shared, old)) as ledger, pytest.raises(ClaimLost):
            ledger.replace_property("restored", "by the old one")
    assert not shared.renew(run) and not shared.renew(shard)
    shared.release(run)
    with pytest.raises(ClaimLost):
        shared.revoke_under(run)
    held = shared.held(RUN)
    assert held is not None and held.current
    with closing(fenced(shared, taken)) as ledger:
        ledger.replace_property("restored", "by the new one")


@pytest.mark.postgresql
def test_who_works_under_a_claim_that_was_revoked_writes_nothing_and_its_fence_never_comes_back(shared: Ledger) -> None:
    empty(shared)
    run = shared.claim(RUN, "driver", LONG)
    assert run is not None
    shard = shared.claim(shard_key(run, 0), "cut off", LONG, run)
    assert shard is not None
    with closing(fenced(shared, shard)) as ledger:
        ledger.replace_property("zombie", "in time")
        shared.revoke_under(run)
        assert not shared.renew(shard)
        again = shared.claim(shard.key, "next", LONG, run)
        assert again is not None and again.fence > shard.fence
        with pytest.raises(ClaimLost):
            ledger.replace_property("zombie", "late")
    assert shared.property("zombie") == "in time"
    with closing(fenced(shared, run)) as ledger:
        ledger.replace_property("driver", "goes on")


@pytest.mark.postgresql
@pytest.mark.parametrize("jump", [-1e7, 1e7])
def test_a_machine_whose_clock_jumps_neither_takes_nor_loses_a_claim(
    shared: Ledger, jump: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty(shared)
    claim = shared.claim(RUN, "a", LONG)
    assert claim is not None
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + jump)
    assert shared.claim(RUN, "b", LONG) is None and shared.renew(claim)
    with closing(fenced(shared, claim)) as ledger:
        ledger.replace_property("clock", repr(jump))
        end(shared, RUN)
        with pytest.raises(ClaimLost):
            ledger.replace_property("clock", "late")
    assert shared.property("clock") == repr(jump)


@pytest.mark.postgresql
def test_a_process_that_is_stopped_inside_a_transaction_does_not_hold_the_claim_for_ever(shared: Ledger) -> None:
    empty(shared)
    claim = shared.claim(RUN, "stopped", 0.5)
    assert claim is not None
    with closing(fenced(shared, claim)) as ledger, pytest.raises(ClaimLost), ledger.writing() as connection:
        connection.execute(sa.insert(t.properties).values(name="unfinished", value="yes"))
        taken = None
        for _ in range(200):
            taken = taken or shared.claim(RUN, "next", LONG)  # it waits inside for the server to end that session
            if taken is not None:
                break
            time.sleep(0.05)
        assert taken is not None and taken.fence == claim.fence + 1
    assert shared.property("unfinished") is None


def test_a_ledger_in_a_file_has_no_claims(tmp_path: Path) -> None:
    with closing(Ledger(f"sqlite:///{tmp_path / 'l.sqlite'}")) as ledger:
        with pytest.raises(ConfigError, match=r"l\.sqlite: one process at a time.*V2XUM_LEDGER"):
            ledger.claim(RUN, "a")
        assert ledger.claims() == [] and ledger.held(RUN) is None and ledger.fence is None


@pytest.mark.postgresql
@pytest.mark.slow
def test_a_list_may_be_read_for_longer_than_the_claim_holds_without_renewal(shared: Ledger) -> None:
    """Rows are read inside the transaction; the server ends one of a stopped process, not one that waits for a list."""
    claim = shared.claim("a slow list", "a", 1.0)
    assert claim is not None

    def rows() -> Iterator[Source]:
        yield source("v0")
        time.sleep(2.5)
        yield source("v1")

    with Heartbeat(shared, claim), closing(fenced(shared, claim)) as ledger:
        assert ledger.register(rows()) == ["v0", "v1"]
        with pytest.raises(ClaimLost), ledger.writing() as connection:
            connection.execute(sa.text("SELECT 1"))
            time.sleep(2.5)
            connection.execute(sa.text("SELECT 1"))
