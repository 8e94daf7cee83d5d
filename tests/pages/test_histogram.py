"""Histograms: mean, extremes and quantiles are those of the values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pages.histogram import Histogram

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
