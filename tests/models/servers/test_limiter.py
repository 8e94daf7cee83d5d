"""The limiter as a state machine against simulated servers; time is simulated too."""

import heapq
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.servers.limiter import Limiter


def drive(limiter, seconds, *, capacity, latency=0.2, queue=10**6, faults=0.0, begin=1.0, seed=0, now=None):
    """Keep a simulated server busy that works on `capacity` requests at once and answers 429 when `queue` wait.

    Returns the number of replies and the limits.
    """
    rng = random.Random(seed)
    now = begin if now is None else now
    until = now + seconds
    free = [now] * capacity
    flying: list[tuple[float, int, float, bool]] = []
    count, replies, limits = 0, 0, []
    while True:
        while len(flying) < limiter.limit:
            count += 1
            waiting = sum(t > now for t in free) >= capacity and len(flying) - capacity >= queue
            if waiting or rng.random() < faults:
                heapq.heappush(flying, (now + 0.005, count, now, False))
                continue
            start = max(now, heapq.heappop(free))
            heapq.heappush(free, start + latency)
            heapq.heappush(flying, (start + latency, count, now, True))
        now, _, sent, good = heapq.heappop(flying)
        if now > until:
            return replies, limits
        if good:
            replies += 1
            limiter.reply(now, len(flying) + 1 >= limiter.limit)
        else:
            limiter.overload(now, sent)
        limits.append(limiter.limit)


EVENTS = st.lists(
    st.tuples(st.sampled_from(["reply", "idle", "overload"]), st.floats(0, 1), st.floats(0, 2)), max_size=300
)


@settings(max_examples=200)
@given(st.integers(1, 300), st.integers(1, 300), EVENTS)
def test_the_limit_stays_between_one_and_the_maximum(start, maximum, events) -> None:
    limiter = Limiter(start, maximum)
    now = 1.0
    for kind, step, age in events:
        now += step
        if kind == "overload":
            limiter.overload(now, now - age)
        else:
            limiter.reply(now, kind == "reply")
        assert 1 <= limiter.limit <= maximum


@pytest.mark.parametrize("capacity", [8, 32, 128])
def test_it_fills_a_server_and_grows_no_further(capacity) -> None:
    limiter = Limiter(16, 1024)
    drive(limiter, 10, capacity=capacity)
    replies, limits = drive(limiter, 30, capacity=capacity, now=11.0)
    assert replies >= 0.95 * 30 * capacity / 0.2
    assert max(limits) <= 4 * max(capacity, 16)


@pytest.mark.parametrize("capacity", [32, 128])
def test_a_few_faults_cost_no_throughput(capacity) -> None:
    clean, _ = drive(Limiter(16, 256), 30, capacity=capacity)
    faulty, _ = drive(Limiter(16, 256), 30, capacity=capacity, faults=0.05)
    assert faulty >= 0.9 * clean


@settings(max_examples=10, deadline=None)
@given(st.integers(2, 64), st.integers(0, 32), st.integers(0, 5))
def test_a_server_that_turns_requests_away_is_still_used(capacity, queue, seed) -> None:
    limiter = Limiter(16, 256)
    replies, limits = drive(limiter, 30, capacity=capacity, queue=queue, seed=seed)
    assert replies >= 0.6 * 30 * capacity / 0.2
    assert sum(limits[len(limits) // 2 :]) / (len(limits) - len(limits) // 2) <= 2 * (capacity + queue) + 16


def test_overload_halves_once_a_round_trip() -> None:
    limiter = Limiter(64, 64)
    limiter.reply(1.0, True)
    for _ in range(64):
        limiter.overload(2.0, 1.5)
    assert limiter.limit == 32
    for _ in range(64):
        limiter.overload(2.5, 1.9)  # sent before the cut
    assert limiter.limit == 32
    for _ in range(64):
        limiter.overload(3.0, 2.5)
    assert limiter.limit == 16


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(st.integers(2, 100), st.integers(1, 400))
def test_it_recovers_after_many_failures(capacity, failures) -> None:
    limiter = Limiter(16, 256)
    drive(limiter, 20, capacity=capacity)
    now = 30.0
    for i in range(failures):
        now += 0.01
        limiter.overload(now, now - 0.005 * (i % 3))
    drive(limiter, 60, capacity=capacity, now=now)
    replies, _ = drive(limiter, 20, capacity=capacity, now=now + 70)
    assert replies >= 0.9 * 20 * capacity / 0.2


def test_replies_while_places_are_free_do_not_change_the_limit() -> None:
    limiter = Limiter(16, 64)
    for i in range(1000):
        limiter.reply(1 + i / 10, False)
    assert limiter.limit == 16
