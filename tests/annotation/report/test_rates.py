"""Intervals of label-error rates cover the truth at the stated rate, with perfect people and with known errors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.report.rates import corrected, difference, share
from schemas.documents.review_report import Estimate


@pytest.mark.parametrize("true", [0.02, 0.1, 0.35])
def test_a_share_is_covered(true):
    rng = np.random.default_rng(1)
    found = [share(int(rng.binomial(150, true)), 150) for _ in range(2000)]
    covered = sum(one.low <= true <= one.high for one in found) / 2000
    assert covered >= 0.93  # Wilson's interval holds 95 % on average over shares, 93 to 97 % at any one
    assert share(0, 0) == Estimate()


@pytest.mark.parametrize(
    ("true", "finds", "passes", "judged", "gold"),
    [(0.15, 0.9, 0.95, 200, 40), (0.3, 0.8, 0.9, 100, 30), (0.05, 0.9, 0.97, 200, 60), (0.5, 0.75, 0.85, 150, 40)],
)
def test_people_who_err_at_a_known_rate_are_corrected_for(true, finds, passes, judged, gold):
    """The plain interval misses the truth far more often than stated; the interval corrected by gold does not."""
    rng = np.random.default_rng(2)
    runs = 2000
    covered = plain = told = 0
    for _ in range(runs):
        hits = int(rng.binomial(judged, true * finds + (1 - true) * (1 - passes)))
        found = corrected(hits, judged, (int(rng.binomial(gold, finds)), gold), (int(rng.binomial(gold, passes)), gold))
        if found.low is not None:
            told += 1
            covered += found.low <= true <= found.high
        said = share(hits, judged)
        plain += said.low <= true <= said.high
    assert told / runs >= 0.99
    assert covered / told >= 0.94
    assert plain / runs < 0.93


def test_without_gold_or_with_people_who_guess_nothing_is_corrected():
    assert corrected(5, 100, (0, 0), (9, 10)) == Estimate(of=100)
    assert corrected(5, 100, (9, 10), (0, 0)) == Estimate(of=100)
    assert corrected(5, 100, (5, 10), (5, 10)) == Estimate(of=100)
    assert corrected(0, 0, (9, 10), (9, 10)) == Estimate()


COUNTS = st.integers(1, 200).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


@given(COUNTS, COUNTS, COUNTS)
def test_figures_lie_in_their_intervals_and_in_range(one, two, three):
    for found, least in ((corrected(*one, two, three), 0), (difference(one, two), -1), (share(*one), 0)):
        if found.value is not None:
            assert least <= found.low <= found.value <= found.high <= 1
    there, back = difference(one, two), difference(two, one)
    assert (there.low, there.high) == (-back.high, -back.low)


def test_newcombes_own_example():
    # R. G. Newcombe (1998), table II, method 10: 56/70 against 48/80: 0.0524 to 0.3339.
    found = difference((48, 80), (56, 70))
    assert (found.value, found.low, found.high) == (0.2, 0.0524, 0.3339)
