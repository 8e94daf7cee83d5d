"""Hosts in a ledger do what hosts in memory do; and nodes that share them, and die, do no harm."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from curation.download.pacing.in_ledger import TRIAL, InLedger
from curation.download.pacing.states import Closed, Pause, Turn
from curation.ledger.ledger import Ledger
from tests.curation.download.pacing.worlds import SharedWorld, World
from tests.curation.ledger.holding.claiming import schema_of

pytestmark = pytest.mark.postgresql
PAUSE = Pause(200, 800)  # all times are whole hundreds of seconds, since the database's clock goes on
STEPS = st.one_of(
    st.tuples(st.just("take"), st.sampled_from([0, 100])),
    st.tuples(st.sampled_from(["answered", "refused", "silent", "begin"]), st.integers(0, 3)),
    st.tuples(st.sampled_from(["forbidden", "delay", "advance"]), st.sampled_from([100, 200, 400])),
)


def done(world: World, steps: list[tuple[str, int]]) -> Iterator[object]:
    """Do the steps; what each answers, and the pauses after it. Times are in hundreds of seconds."""
    visits: list[Turn] = []
    for action, number in steps:
        answer: object = None
        if action == "take":
            answer = taken = world.states.take("h", number)
            if isinstance(taken, Turn):
                visits.append(taken)
        elif action == "advance":
            world.advance(number)
        elif action == "delay":
            world.states.delay("h", number)
        elif number < len(visits) or (action == "forbidden" and visits):
            visit = visits[number % len(visits)]
            if action == "begin":
                answer = begun = world.states.begin("h")
                if isinstance(begun, Turn):
                    visits[number] = begun
            elif action == "forbidden":
                answer = world.states.forbidden("h")
            elif action == "refused":
                world.states.refused("h", visit.trial, f"reason {number}", PAUSE)
            elif action == "answered":
                world.states.answered("h", visit.trial)
            else:
                world.states.silent("h", visit.trial)
        if isinstance(answer, Turn):
            answer = answer._replace(wait=round(answer.wait / 100))
        if isinstance(answer, Closed):
            answer = answer._replace(seconds=round(answer.seconds / 100))
        yield action, answer, {host: round(seconds / 100) for host, seconds in world.paused().items()}


@given(steps=st.lists(STEPS, min_size=4, max_size=16))
@example(steps=[("take", 0), ("refused", 0), ("advance", 200), ("take", 0), ("advance", 400), ("take", 0)])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_whatever_happens_both_keepers_say_the_same(
    shared: Ledger, monkeypatch: pytest.MonkeyPatch, steps: list[tuple[str, int]]
) -> None:
    # In one process nobody dies with a trial, so there it ends by its answer alone.
    monkeypatch.setattr("curation.download.pacing.in_ledger.TRIAL", 1e6)
    assert list(done(SharedWorld(shared), steps)) == list(done(World(), steps))


@pytest.fixture
def nodes(shared: Ledger) -> Iterator[list[InLedger]]:
    """Three nodes, each with connections of its own."""
    InLedger(shared).forget()
    with ExitStack() as opened:
        ledgers = [opened.enter_context(closing(Ledger(shared.engine.url, schema_of(shared)))) for _ in range(3)]
        yield [InLedger(ledger) for ledger in ledgers]


def test_the_turns_of_all_nodes_keep_the_pace(nodes: list[InLedger]) -> None:
    """Also where some of them die with their turn: it passes unused."""
    waits, lock = [], threading.Lock()

    def take(node: InLedger) -> None:
        for _ in range(5):
            turn = node.take("h", 100.0)
            assert isinstance(turn, Turn)
            with lock:
                waits.append(turn.wait)

    threads = [threading.Thread(target=take, args=(node,)) for node in nodes for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [round(wait / 100) for wait in sorted(waits)] == list(range(30))
    nodes[0].delay("h", 5000.0)  # one node was told `Retry-After`
    turn = nodes[1].take("h", 100.0)
    assert isinstance(turn, Turn) and 4999 < turn.wait <= 5000


def test_a_node_that_died_while_it_tried_a_host_keeps_the_others_out_for_a_while_only(
    shared: Ledger, nodes: list[InLedger]
) -> None:
    world = SharedWorld(shared)
    dead, second, third = nodes
    dead.take("h", 0)
    dead.refused("h", None, "bot_check", Pause(100, 1000))
    assert isinstance(second.take("h", 0), Closed)
    world.advance(100)
    first = dead.take("h", 0)
    assert first == Turn(0.0, 1)
    assert second.take("h", 0) == Closed("bot_check", 0.0)
    world.advance(TRIAL)
    trial = second.take("h", 0)
    assert trial == Turn(0.0, 2) and isinstance(third.take("h", 0), Closed)
    dead.answered("h", first.trial)  # it was only slow: what it learned is older than what the second one tries
    assert isinstance(third.take("h", 0), Closed)
    second.refused("h", trial.trial, "bot_check", Pause(100, 1000))
    assert [round(each.seconds) for each in third.paused()] == [200]
    dead.answered("h", first.trial)
    assert third.paused() != []


def test_no_row_is_locked_and_no_transaction_is_open_between_two_steps(shared: Ledger, nodes: list[InLedger]) -> None:
    """So a node that is stopped at any moment keeps nobody waiting."""
    for node in nodes:
        node.take("h", 0)
        node.refused("h", None, "bot_check", PAUSE)
    open_ones = sa.text("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'")
    with shared.engine.connect() as connection:
        assert connection.execute(open_ones).scalar() == 0
