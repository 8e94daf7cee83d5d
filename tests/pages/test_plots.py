"""Histograms and plots: what is drawn is what was counted."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.report.summary import verdict
from pages.histogram import Histogram
from pages.plots import BOTTOM, LEFT, RIGHT, TOP, histogram, nice_ticks, over_time
from schemas.run_summary import Totals

values = st.lists(st.floats(0, 1), min_size=1, max_size=200)


def filled(numbers: list[float]) -> Histogram:
    data = Histogram(0, 1)
    for number in numbers:
        data.add(number)
    return data


@given(values)
def test_a_spread_is_that_of_the_values_to_a_bin(numbers: list[float]) -> None:
    spread = filled(numbers).spread()
    ordered = sorted(numbers)
    assert spread is not None
    assert (spread.count, spread.minimum, spread.maximum) == (len(numbers), ordered[0], ordered[-1])
    assert spread.mean == pytest.approx(sum(numbers) / len(numbers), abs=1e-6)
    assert spread.median == pytest.approx(ordered[math.ceil(len(ordered) / 2) - 1], abs=1e-3)
    assert spread.minimum - 1e-6 <= spread.p05 <= spread.median <= spread.p95 <= spread.maximum + 1e-6


@given(values, st.floats(0, 1))
def test_ranks_count_every_value_once(numbers: list[float], value: float) -> None:
    data = filled([*numbers, value])
    assert data.share_up_to(value) + data.share_from(value) >= 1
    assert data.share_up_to(1) == data.share_from(0) == 1


@given(values)
def test_bars_hold_every_sample_within_the_axes(numbers: list[float]) -> None:
    plot = histogram("ratio", "keyframes / frames", filled(numbers), low=0, high=0.5, mark=0.1639, note="mean")
    assert plot is not None
    assert sum(int(bar.text.rsplit(" ", 1)[1].replace(",", "")) for bar in plot.bars) == len(numbers)
    for bar in plot.bars:
        assert bar.x >= LEFT and bar.x + bar.width <= RIGHT + 1e-6
        assert bar.y >= TOP - 1e-6 and bar.y + bar.height == pytest.approx(BOTTOM)
    assert plot.mark is not None and LEFT < plot.mark.at < RIGHT


def test_nothing_counted_is_nothing_drawn() -> None:
    assert histogram("x", "y", Histogram(0, 1), low=0, high=1) is None
    assert over_time("x", "y", [], []) is None
    assert over_time("x", "y", [3.0], [1.0]) is None


@given(st.lists(st.tuples(st.floats(0.01, 100), st.integers(0, 10**6)), min_size=2, max_size=300))
def test_the_line_carries_every_token(steps: list[tuple[float, int]]) -> None:
    seconds, counts = [0.0], [0]
    for gap, more in steps:
        seconds.append(seconds[-1] + gap)
        counts.append(counts[-1] + more)
    plot = over_time("Tokens in", "tokens/s", seconds, counts)
    assert plot is not None
    points = [tuple(map(float, pair.split(","))) for pair in plot.line.split()]
    assert (points[0][0], points[-1][0]) == (LEFT, RIGHT)
    assert all(LEFT <= x <= RIGHT and TOP - 0.1 <= y <= BOTTOM + 0.1 for x, y in points)
    ends = {tick.text for tick in plot.y_ticks}
    assert "0" in ends and len(ends) == len(plot.y_ticks)


def test_a_steady_rate_is_a_level_line() -> None:
    plot = over_time("x", "tokens/s", [float(i) for i in range(200)], [50 * i for i in range(200)])
    assert plot is not None
    assert {pair.split(",")[1] for pair in plot.line.split()} == {f"{BOTTOM - 50 / 60 * (BOTTOM - TOP):.1f}"}
    assert plot.y_ticks[-1].text == "60" and plot.x_label == "minutes since the start"


@given(st.floats(1e-6, 1e12), st.integers(2, 12))
def test_ticks_are_few_and_never_beyond(highest: float, most: int) -> None:
    step, ticks = nice_ticks(highest, most)
    assert 1 <= len(ticks) <= most and ticks[-1] <= highest * (1 + 1e-6)
    assert round(step / 10 ** math.floor(math.log10(step) + 1e-9), 6) in (1, 2, 5)


@pytest.mark.parametrize(
    ("totals", "told"),
    [
        (Totals(), "No model was asked."),
        (Totals(cached=5), "the ledger had every reply"),
        (Totals(seconds=100, busy_seconds=97, replies=1), "they set the pace"),
        (Totals(seconds=100, busy_seconds=40, replies=1, waits={"decode": 90.0}), "run.decode_workers"),
        (Totals(seconds=100, busy_seconds=40, replies=1, waits={"download": 90.0}), "run.download_workers"),
        (Totals(seconds=100, busy_seconds=40, replies=1), "neither decoding nor downloads"),
        (Totals(seconds=100, replies=1, waits={"model": 60.0, "decode": 10.0}), "the models set the pace"),
        (Totals(seconds=100, replies=1, waits={"model": 6.0, "decode": 50.0}), "more of run.decode_workers may help"),
    ],
)
def test_waits_are_put_into_words(totals: Totals, told: str) -> None:
    assert told in verdict(totals)


def test_a_late_start_is_told() -> None:
    totals = Totals(seconds=100, replies=1, waits={"model": 60.0})
    assert "after 70 s" in verdict(totals, 70.0) and "after" not in verdict(totals, 3.0)
