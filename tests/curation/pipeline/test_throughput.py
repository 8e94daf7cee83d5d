"""The history of a run: bounded, its ends kept, its rates right."""

from __future__ import annotations

import threading
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.pipeline.throughput import RECENT_SECONDS, History, Point, rates
from models.meter import Meter, Reading


def reading(seconds: float, tokens: int = 0) -> Reading:
    return Meter().read()._replace(seconds=seconds, tokens_in=tokens, tokens_out=tokens // 10, frames=tokens // 100)


@given(st.integers(1, 400), st.integers(4, 40))
def test_thinning_keeps_both_ends_the_order_and_the_bound(count: int, most: int) -> None:
    history = History(Meter(), most=most)
    for second in range(count):
        history.note(reading(float(second), second * 7))
    points = history.points()
    assert len(points) <= most + 1
    assert [points[0].seconds, points[-1].seconds] == [0.0, float(count - 1)]
    assert [p.seconds for p in points] == sorted({p.seconds for p in points})
    assert all(p.tokens_in == p.seconds * 7 for p in points)
    if count > 2 * most:
        steps = {b.seconds - a.seconds for a, b in pairwise(points[:-1])}
        assert len(steps) == 1  # one resolution throughout, but for the last reading


def test_rates_are_those_of_the_last_seconds_and_not_of_the_whole_run() -> None:
    history = History(Meter())
    for second in range(100):
        history.note(reading(float(second)))
    recent = [history.note(reading(100.0 + second, 1000 * second)) for second in range(1, 60)]
    assert recent[-1] == rates(Point(0, 0, 0, 0, 0, 0), Point(1, 1000, 100, 10, 0, 0))
    assert recent[4].tokens_in == pytest.approx(5 * 1000 / RECENT_SECONDS)


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(0, 1000)), max_size=50))
def test_no_rate_is_negative_whatever_the_distances(steps: list[tuple[float, int]]) -> None:
    history, seconds, tokens = History(Meter(), most=8), 0.0, 0
    for gap, more in steps:
        seconds, tokens = seconds + gap, tokens + more
        assert min(history.note(reading(seconds, tokens))) >= 0


def test_it_samples_a_meter_from_its_own_thread_and_stops_with_the_block() -> None:
    meter, heard, told = Meter(), threading.Event(), []
    history = History(meter, every=0.01)

    def listen(now: Reading, _recent: object) -> None:
        told.append(now.tokens_in)
        if now.tokens_in:
            heard.set()

    history.listen(listen)
    with history:
        meter.reply(50, 5)
        assert heard.wait(30)
        meter.reply(1, 1)
    assert told[0] in (0, 50) and told[-1] == 51
    assert history.points()[-1].tokens_in == 51
    assert "history" not in {thread.name for thread in threading.enumerate()}


def test_frames_are_counted() -> None:
    meter = Meter()
    for _ in range(3):
        meter.frame()
    assert meter.read().frames == 3
