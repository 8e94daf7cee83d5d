"""Intervals over several runs: within the metric's range, wide enough for few runs, and no wider than need be."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evaluation.uncertainty.bootstrap import INTERVAL, Interval, corpus_of, intervals, mean_of
from evaluation.uncertainty.metric_intervals import column, metric_values, span_of
from evaluation.uncertainty.runs import UNBOUNDED, Span, Spread, spread_of, with_runs
from evaluation.units import KNOWN_UNITS

SHARE = span_of("fraction")


def interval(table: np.ndarray, span: Span = SHARE) -> Interval:
    (found,) = intervals([mean_of(table, span)], 0)
    return found


def test_two_like_runs_of_eight_videos_stay_near_their_value() -> None:
    rng = np.random.default_rng(7)
    first = rng.beta(2, 5, 8)
    runs = np.clip(np.stack([first, first + rng.normal(0, 0.08, 8)]), 0, 1)
    found, videos = interval(runs), interval(runs.mean(axis=0))
    assert found.value == pytest.approx(runs.mean())
    assert 0 <= found.low <= videos.low < found.value < videos.high <= found.high <= 1
    assert found.high - found.low < 3 * (videos.high - videos.low)


@st.composite
def systems(draw: st.DrawFn) -> tuple[np.ndarray, Span]:
    unit = KNOWN_UNITS[draw(st.sampled_from(sorted(KNOWN_UNITS)))]
    runs, videos = draw(st.integers(2, 5)), draw(st.integers(2, 12))
    near = st.sampled_from([0.0, 1.0, 0.5, 1e-12]) | st.floats(0, 1)
    cells = draw(st.lists(near | st.just(math.nan), min_size=runs * videos, max_size=runs * videos))
    table = unit.lowest + (unit.highest - unit.lowest) * np.array(cells).reshape(runs, videos)
    return table, Span(unit.lowest, unit.highest)


@pytest.mark.slow
@given(systems())
def test_no_end_ever_leaves_the_range_of_the_unit(system: tuple[np.ndarray, Span]) -> None:
    table, span = system
    found = interval(table, span)
    if math.isnan(found.low):
        assert math.isnan(found.high)
        return
    assert span.lowest <= found.low <= found.value <= found.high <= span.highest
    if not np.isnan(table).any():
        videos = interval(table.mean(axis=0), span)
        assert found.low <= videos.low + 1e-12 and found.high >= videos.high - 1e-12, "runs take nothing away"


def test_a_corpus_metric_of_two_runs_stays_in_its_range() -> None:
    rng = np.random.default_rng(1)
    length = np.full((2, 6), 10.0)
    sums = np.stack([length * np.array([[0.01], [0.3]]) * rng.random((2, 6)), length], axis=-1)
    (found,) = intervals([corpus_of(sums, lambda total: total[..., 0] / total[..., 1], SHARE)], 0)
    assert 0 < found.low < found.value < found.high < 1
    assert found.low < 0.002 and found.high > 0.9, "two runs that differ thirtyfold tell next to nothing"


def test_runs_at_the_end_of_the_range_have_no_spread() -> None:
    assert interval(np.ones((3, 5))) == (1, 1, 1)
    assert interval(np.zeros((3, 5))) == (0, 0, 0)


def test_the_part_of_the_runs_is_students_t() -> None:
    spread = Spread(1e-4, 2)
    assert with_runs(0.4, Span(0.4, 0.4), Spread(0, 2), 0.975, SHARE) == (0.4, 0.4)
    free = with_runs(0.4, Span(0.37, 0.44), spread, 0.975, UNBOUNDED)
    t = float(stats.t(2).ppf(0.975)) * 0.01
    assert free == pytest.approx((0.4 - math.hypot(0.03, t), 0.4 + math.hypot(0.04, t)))
    # In the middle of a wide range the scale hardly bends.
    assert with_runs(0.4, Span(0.37, 0.44), spread, 0.975, Span(-100, 100)) == pytest.approx(free, rel=1e-3)


def test_what_chance_gives_each_run_is_not_taken_for_a_spread_between_runs() -> None:
    rng = np.random.default_rng(4)
    runs, videos = 4, 30
    table = np.clip(0.4 + rng.normal(0, 0.1, (runs, videos)) + np.array([[0.1], [0], [0], [0]]), 0, 1)
    rest = table - table.mean(axis=0) - table.mean(axis=1, keepdims=True) + table.mean()
    by_anova = table.mean(axis=1).var(ddof=1) / runs - (rest**2).sum() / ((runs - 1) * (videos - 1) * videos * runs)
    without = (table.sum(axis=1, keepdims=True) - table).T / (videos - 1)
    assert spread_of(table.mean(axis=1), without, videos) == pytest.approx((by_anova, 3))
    assert spread_of(np.full(3, 0.4), np.full((5, 3), 0.4), 5).variance == pytest.approx(0, abs=1e-20)
    assert spread_of(np.array([0.4, math.nan]), np.full((5, 2), 0.4), 5).variance == 0, "one run tells nothing"


def test_the_text_beside_every_number_names_both_levels() -> None:
    assert "over videos" in INTERVAL and "over runs" in INTERVAL


@pytest.mark.parametrize("unit", KNOWN_UNITS)
def test_every_unit_bounds_its_metrics(unit: str) -> None:
    lowest, highest, _ = KNOWN_UNITS[unit]
    rows = (lowest + (highest - lowest) * np.array([[0.1, 0.0, 0.3, 0.05], [0.95, 0.9, 1.0, 0.99]])).tolist()
    (found,) = metric_values([column("m", unit, rows)], 0)
    assert found.low is not None and found.high is not None
    assert lowest <= found.low < lowest + 0.1 * (highest - lowest)
    assert highest - 0.1 * (highest - lowest) < found.high <= highest
