"""Agreement equals the package's and hand-computed values; its intervals cover the known truth of simulated people."""

from __future__ import annotations

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.report.agreement import alpha, keyframe_f1, mean, paired, text_distance
from schemas.documents.review_report import Estimate
from tests.annotation.simulated import DECISIONS, answers, true_alpha

RATINGS = (1, 2, 3, 4, 5)
UNITS = st.lists(st.dictionaries(st.sampled_from("abcd"), st.sampled_from(RATINGS), max_size=4), max_size=12)


def plain(units, level):
    return alpha(units, RATINGS, level, replicates=2).value


@given(UNITS, st.sampled_from(["nominal", "ordinal"]))
@settings(max_examples=150, deadline=None)
def test_alpha_is_the_packages(units, level):
    table = np.array([[unit.get(name, np.nan) for unit in units] for name in "abcd"], dtype=float)
    pairable = [unit for unit in units if len(unit) >= 2]
    given_ = {value for unit in pairable for value in unit.values()}
    if len(given_) < 2:
        assert plain(units, level) is None
        return
    wanted = krippendorff.alpha(table, level_of_measurement=level, value_domain=RATINGS)
    assert plain(units, level) == pytest.approx(wanted, abs=6e-5)  # it is rounded to 4 digits


def test_hand_computed_cases():
    # K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section C: nominal data, missing values:
    # 0.743; the same with ordinal distances: 0.815.
    rows = (
        "1 2 3 3 2 1 4 1 2 . . .",
        "1 2 3 3 2 2 4 1 2 5 . 3",
        ". 3 3 3 2 3 4 2 2 5 1 .",
        "1 2 3 3 2 4 4 1 2 5 1 .",
    )
    columns = zip(*(row.split() for row in rows), strict=True)
    units = [{str(i): int(v) for i, v in enumerate(column) if v != "."} for column in columns]
    assert round(plain(units, "nominal"), 3) == 0.743
    assert round(plain(units, "ordinal"), 3) == 0.815
    # By hand: two people, four units, aa ab bb bb. Coincidences: aa 2, ab 1, ba 1, bb 4; n_a = 3, n_b = 5, n = 8.
    # D_o = 2 / 8, D_e = 2 * 3 * 5 / (8 * 7), alpha = 1 - (2/8) / (30/56) = 8/15.
    four = [{"x": 1, "y": 1}, {"x": 1, "y": 2}, {"x": 2, "y": 2}, {"x": 2, "y": 2}]
    assert plain(four, "nominal") == pytest.approx(8 / 15, abs=5e-5)
    # Never the same: D_o = 1, D_e = 2 * 2 * 2 / (4 * 3), alpha = 1 - 3/2.
    assert plain([{"x": 1, "y": 2}, {"x": 2, "y": 1}], "nominal") == -0.5
    assert plain([{"x": 1, "y": 1}, {"x": 5, "y": 5}], "ordinal") == 1.0


def test_where_alpha_is_not_defined_it_is_null():
    assert alpha([], DECISIONS, "nominal") == Estimate()
    assert alpha([{"a": "accept"}] * 5, DECISIONS, "nominal") == Estimate()
    assert alpha([{"a": "accept", "b": "accept"}] * 5, DECISIONS, "nominal") == Estimate(of=5)
    with pytest.raises(ValueError, match="is not in"):
        alpha([{"a": "maybe", "b": "accept"}], DECISIONS, "nominal")


@given(UNITS, st.randoms())
@settings(max_examples=60, deadline=None)
def test_names_and_order_of_units_play_no_part(units, random):
    renamed = [{{"a": "d", "b": "c", "c": "b", "d": "a"}[k]: v for k, v in unit.items()} for unit in units]
    random.shuffle(renamed)
    assert plain(renamed, "ordinal") == plain(units, "ordinal")


@pytest.mark.slow
@pytest.mark.parametrize(("units", "people", "error"), [(40, 2, 0.1), (120, 3, 0.25)])
def test_the_interval_covers_the_true_alpha_at_the_stated_rate(units, people, error):
    rng = np.random.default_rng(units)
    shares = (0.7, 0.2, 0.1)
    true = true_alpha(shares, error)
    runs = 250
    found = [
        alpha(
            answers(rng, rng.choice(3, units, p=shares), people, error, 0.1),
            DECISIONS,
            "nominal",
            seed=i,
            replicates=300,
        )
        for i in range(runs)
    ]
    covered = sum(one.low <= true <= one.high for one in found)
    # With probability 0.95 each, fewer than 228 of 250 occur about 4 times in a thousand. The interval is not too wide.
    assert covered >= 228
    assert np.mean([one.value for one in found]) == pytest.approx(true, abs=0.03)
    assert np.median([one.high - one.low for one in found]) < 0.6


@given(st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9)))
def test_f1_is_the_harmonic_mean_and_symmetric(one, other):
    assert keyframe_f1(one, other) == keyframe_f1(other, one)
    assert (keyframe_f1(one, other) == 1) == (one == other)
    both = len(one & other)
    if one and other and both:
        precision, recall = both / len(one), both / len(other)
        assert keyframe_f1(one, other) == pytest.approx(2 * precision * recall / (precision + recall))


def levenshtein(a, b):
    """The recursion of the definition."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        last, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (x != y))
    return row[-1]


@given(st.text(alphabet="abc 🎞é", max_size=12), st.text(alphabet="abc 🎞é", max_size=12))
def test_text_distance_is_levenshteins_over_the_longer(one, other):
    longest = max(len(one), len(other))
    assert text_distance(one, other) == pytest.approx(levenshtein(one, other) / longest if longest else 0.0)


def test_pairs_count_once_a_unit():
    units = [{"a": {1, 2}, "b": {1, 2}}, {"a": {1}, "b": {2}, "c": {2}}, {"a": {9}}]
    found = paired([{k: frozenset(v) for k, v in u.items()} for u in units], keyframe_f1)
    assert (found.value, found.of) == (pytest.approx((1 + 1 / 3) / 2, abs=5e-5), 2)
    assert mean([]) == Estimate()
    assert mean([0.5]) == Estimate(value=0.5, of=1)
    assert paired([], keyframe_f1) == Estimate()


@pytest.mark.slow
def test_a_mean_is_covered_at_the_stated_rate():
    rng = np.random.default_rng(5)
    found = [mean(list(rng.beta(2, 5, 30)), seed=i, replicates=300) for i in range(300)]
    assert sum(one.low <= 2 / 7 <= one.high for one in found) >= 273
