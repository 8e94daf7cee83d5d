"""Plots: the drawn geometry shows the counted values, within the axes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.histogram import Histogram
from pages.plots import BOTTOM, LEFT, RIGHT, TOP, Tick, curves, histogram, nice_ticks, over_time

values = st.lists(st.floats(0, 1), min_size=1, max_size=200)


def filled(numbers: list[float]) -> Histogram:
    data = Histogram(0, 1)
    for number in numbers:
        data.add(number)
    return data


@given(values)
def test_bars_hold_every_sample_within_the_axes(numbers: list[float]) -> None:
    plot = histogram(
        "ratio", "keyframes / frames", filled(numbers), counted="samples", low=0, high=0.5, mark=0.1639, note="mean"
    )
    assert plot is not None
    assert sum(int(bar.text.rsplit(" ", 1)[1].replace(",", "")) for bar in plot.bars) == len(numbers)
    for bar in plot.bars:
        assert bar.x >= LEFT and bar.x + bar.width <= RIGHT + 1e-6
        assert bar.y >= TOP - 1e-6 and bar.y + bar.height == pytest.approx(BOTTOM)
    assert plot.mark is not None and LEFT < plot.mark.at < RIGHT


def test_nothing_counted_is_nothing_drawn() -> None:
    assert histogram("x", "y", Histogram(0, 1), counted="samples", low=0, high=1) is None
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


@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.floats(0, 1e6)), max_size=60),
    st.lists(st.tuples(st.integers(0, 10**6), st.floats(allow_nan=True)), max_size=5),
)
def test_curves_lie_where_their_values_are(points: list[tuple[int, float]], others: list[tuple[int, float]]) -> None:
    points, others = sorted(points), [(step, abs(value)) for step, value in others if not abs(value) > 1e6]
    plot = curves("Loss", "step", "loss", {"training": points, "validation": others}, Tick(0, "the model"))
    kept = {"training": points, "validation": [pair for pair in others if math.isfinite(pair[1])]}
    kept = {name: pairs for name, pairs in kept.items() if len(pairs) > 1}
    if plot is None:
        assert not kept
        return
    right, top = (max(pair[axis] for pairs in kept.values() for pair in pairs) for axis in (0, 1))
    assert [line.name for line in plot.lines] == list(kept) and plot.mark is not None and plot.mark.at == LEFT
    for line, pairs in zip(plot.lines, kept.values(), strict=True):
        drawn = [tuple(map(float, pair.split(","))) for pair in line.points.split()]
        assert len(drawn) == len(pairs) and all(TOP - 0.1 <= y <= BOTTOM + 0.1 for _, y in drawn)
        for (x, y), (step, value) in zip(drawn, pairs, strict=True):
            assert x == pytest.approx(LEFT + (RIGHT - LEFT) * (step / right if right else 0), abs=0.06)
            assert top > 0 or y == BOTTOM or value == 0
