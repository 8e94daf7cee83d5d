"""Paces and pauses of hosts, with a clock that only sleeping and the test advance."""

import threading

import pytest

from curation.download.host_pacing import FORBIDDEN_LIMIT, LONGEST_PAUSE, Hosts
from schemas.configuration.config import DownloadConfig
from schemas.errors import HostBlocked, PermanentError, TransientError


class Clock:
    def __init__(self):
        self.now = 1000.0
        self.slept = []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


def make(clock, pace=0.0):
    return Hosts(DownloadConfig(pace=pace), pause=100, clock=clock, sleep=clock.sleep)


def visit(hosts, error=None, host="h"):
    with hosts.visit(host):
        if error is not None:
            raise error


def test_visits_to_one_host_keep_the_pace(clock):
    hosts = make(clock, pace=10)
    for host in ("h", "h", "other", "h"):
        visit(hosts, host=host)
    assert clock.slept == [10, 10]
    hosts.delay("h", 50)
    visit(hosts)
    assert clock.slept[-1] == 50


def test_each_thread_gets_its_own_turn():
    turns, lock = [], threading.Lock()

    def sleep(seconds):
        with lock:
            turns.append(seconds)

    hosts = Hosts(DownloadConfig(pace=5), clock=lambda: 0.0, sleep=sleep)
    threads = [threading.Thread(target=visit, args=(hosts,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(turns) == [5, 10, 15, 20, 25, 30, 35]


@pytest.mark.parametrize("reason", ["bot_check", "rate_limited"])
def test_a_host_that_refuses_is_paused_and_then_tried_once(clock, reason):
    hosts = make(clock)
    with pytest.raises(HostBlocked) as caught:
        visit(hosts, HostBlocked(reason, "said so"))
    assert (caught.value.reason, caught.value.host, caught.value.seconds) == (reason, "h", 0)
    assert hosts.paused() == {"h": 100}
    with pytest.raises(HostBlocked, match="host_paused"):
        visit(hosts)
    visit(hosts, host="other")
    clock.now += 100
    entered = False
    with hosts.visit("h"):
        entered = True
        with pytest.raises(HostBlocked, match="host_paused"):
            visit(hosts)  # while the first visit tries, no other visit may
    assert entered
    assert hosts.paused() == {}
    visit(hosts)


def test_the_pause_doubles_up_to_a_limit_and_the_host_may_ask_for_more(clock):
    hosts = make(clock)
    expected = 100.0
    for _ in range(10):
        with pytest.raises(HostBlocked):
            visit(hosts, HostBlocked("bot_check"))
        assert hosts.paused() == {"h": expected}
        clock.now += expected
        expected = min(expected * 2, LONGEST_PAUSE)
    with pytest.raises(HostBlocked):
        visit(hosts, HostBlocked("rate_limited", seconds=99_999))
    assert hosts.paused() == {"h": 99_999}


def test_only_forbidden_answers_in_a_row_pause_the_host(clock):
    hosts = make(clock)
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
    assert hosts.paused() == {"h": 100}


def test_a_visit_that_began_before_the_pause_does_not_end_it(clock):
    hosts = make(clock)
    with hosts.visit("h"), pytest.raises(HostBlocked):
        visit(hosts, HostBlocked("bot_check"))
    assert hosts.paused() == {"h": 100}


def test_after_a_trial_without_an_answer_the_next_visit_tries(clock):
    hosts = make(clock)
    with pytest.raises(HostBlocked):
        visit(hosts, HostBlocked("bot_check"))
    clock.now += 100
    for error in (KeyboardInterrupt(), TransientError("timeout")):
        with pytest.raises(type(error)):
            visit(hosts, error)
    visit(hosts)
    assert hosts.paused() == {}
