"""Paces and pauses of hosts, with their states in memory and in a ledger."""

from __future__ import annotations

import threading

import pytest

from curation.download.pacing.hosts import FORBIDDEN_LIMIT, LONGEST_PAUSE, Hosts
from curation.download.pacing.states import Pause
from schemas.configuration.config import DownloadConfig
from schemas.errors import HostBlocked, PermanentError, TransientError
from tests.curation.download.pacing.worlds import World


def visit(hosts: Hosts, error: BaseException | None = None, host: str = "h") -> None:
    with hosts.visit(host):
        if error is not None:
            raise error


def test_visits_to_one_host_keep_the_pace(world: World) -> None:
    hosts = world.hosts(pace=10)
    for host in ("h", "h", "other", "h"):
        visit(hosts, host=host)
    assert world.slept == [10, 10]
    hosts.delay("h", 50)
    visit(hosts)
    assert world.slept[-1] == 50


def test_each_thread_gets_its_own_turn(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "advance", lambda _seconds: None)  # nobody's wait makes another one's turn come
    hosts = world.hosts(pace=100)
    threads = [threading.Thread(target=visit, args=(hosts,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [round(wait / 100) for wait in sorted(world.slept)] == [1, 2, 3, 4, 5, 6, 7]  # the database's clock goes on


@pytest.mark.parametrize("reason", ["bot_check", "rate_limited"])
def test_a_host_that_refuses_is_paused_and_then_tried_once(world: World, reason: str) -> None:
    hosts = world.hosts()
    with pytest.raises(HostBlocked) as caught:
        visit(hosts, HostBlocked(reason, "said so"))
    assert (caught.value.reason, caught.value.host, caught.value.seconds) == (reason, "h", 0)
    assert world.paused() == {"h": 100} and hosts.paused()[0].reason == reason
    with pytest.raises(HostBlocked, match=rf"host_paused: h refused downloads before \({reason}\)") as caught:
        visit(hosts)
    assert round(caught.value.seconds) == 100
    visit(hosts, host="other")
    world.advance(100)
    entered = False
    with hosts.visit("h"):
        entered = True
        with pytest.raises(HostBlocked, match="host_paused"):
            visit(hosts)  # while the first visit tries, no other visit may
    assert entered
    assert world.paused() == {}
    visit(hosts)


def test_the_pause_doubles_up_to_a_limit_and_the_host_may_ask_for_more(world: World) -> None:
    hosts = world.hosts()
    expected = 100.0
    for _ in range(10):
        with pytest.raises(HostBlocked):
            visit(hosts, HostBlocked("bot_check"))
        assert world.paused() == {"h": expected}
        world.advance(expected)
        expected = min(expected * 2, LONGEST_PAUSE)
    with pytest.raises(HostBlocked):
        visit(hosts, HostBlocked("rate_limited", seconds=99_999))
    assert world.paused() == {"h": 99_999}


def test_only_forbidden_answers_in_a_row_pause_the_host(world: World) -> None:
    hosts = world.hosts()
    for _ in range(FORBIDDEN_LIMIT - 1):
        with pytest.raises(TransientError) as caught:
            visit(hosts, TransientError("forbidden"))
        assert not isinstance(caught.value, HostBlocked)
    with pytest.raises(PermanentError):
        visit(hosts, PermanentError("private"))  # the host answered: the row of `forbidden` ends
    for _ in range(FORBIDDEN_LIMIT - 1):
        with pytest.raises(TransientError):
            visit(hosts, TransientError("forbidden"))
        with pytest.raises(TransientError):
            visit(hosts, TransientError("network"))  # no answer: it says nothing about the host
    with pytest.raises(HostBlocked, match="forbidden: 3 times in a row"):
        visit(hosts, TransientError("forbidden"))
    assert world.paused() == {"h": 100}


def test_a_visit_whose_answer_could_not_be_noted_does_not_end_a_pause(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_host: str) -> tuple[int, bool]:
        raise ConnectionError("the database is away")

    hosts = world.hosts()
    with pytest.raises(HostBlocked):
        visit(hosts, HostBlocked("bot_check"))
    world.advance(100)
    monkeypatch.setattr(world.states, "forbidden", away)
    with pytest.raises(ConnectionError):
        visit(hosts, TransientError("forbidden"))
    with pytest.raises(HostBlocked):
        visit(hosts, HostBlocked("bot_check"))
    assert world.paused() == {"h": 200}  # the second pause in a row


def test_a_visit_that_began_before_the_pause_does_not_end_it(world: World) -> None:
    hosts = world.hosts()
    with hosts.visit("h"), pytest.raises(HostBlocked):
        visit(hosts, HostBlocked("bot_check"))
    assert world.paused() == {"h": 100}


def test_after_a_trial_without_an_answer_the_next_visit_tries(world: World) -> None:
    hosts = world.hosts()
    with pytest.raises(HostBlocked):
        visit(hosts, HostBlocked("bot_check"))
    world.advance(100)
    for error in (KeyboardInterrupt(), TransientError("timeout")):
        with pytest.raises(type(error)):
            visit(hosts, error)
    visit(hosts)
    assert world.paused() == {}


def test_a_pause_that_begins_while_a_visit_waits_for_its_turn_holds_for_it(world: World) -> None:
    hosts = world.hosts(pace=10)

    def sleep(seconds: float) -> None:
        world.sleep(seconds)
        world.states.refused("h", None, "bot_check", Pause(100, 1000))  # by a visit that had its turn before

    visit(hosts)
    with pytest.raises(HostBlocked, match="host_paused"):
        visit(Hosts(DownloadConfig(pace=10), world.states, sleep=sleep))
    assert world.slept == [10] and world.paused() == {"h": 100}
