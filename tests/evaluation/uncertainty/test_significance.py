from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evaluation.uncertainty.bootstrap import Statistic, corpus_of, mean_of
from evaluation.uncertainty.metric_intervals import span_of
from evaluation.uncertainty.significance import defined_in_both, holm, paired


def means(first: np.ndarray, second: np.ndarray) -> tuple[Statistic, Statistic]:
    one, other = defined_in_both(np.asarray(first, float), np.asarray(second, float))
    return mean_of(one), mean_of(other)


grid = st.integers(-4, 4).map(lambda n: n / 4)  # exact in binary, with ties and zeros


@given(st.lists(st.tuples(grid, grid), min_size=2, max_size=9))
def test_few_videos_give_scipys_exact_p(rows: list[tuple[float, float]]) -> None:
    first, second = np.array(rows).T
    (found,) = paired([means(first, second)], 0)
    theirs = stats.permutation_test(
        (first, second), lambda a, b, axis: (b - a).mean(axis), permutation_type="samples", vectorized=True
    )
    assert found.exact and found.p == pytest.approx(min(theirs.pvalue, 1.0), abs=1e-12)
    assert found.difference.value == pytest.approx((second - first).mean(), abs=1e-12)


@pytest.mark.parametrize("shift", [0.0, 0.02, 0.04])
def test_many_videos_give_scipys_p_but_for_chance(shift: float) -> None:
    rng = np.random.default_rng(2)
    first = rng.random(80)
    second = first + rng.normal(shift, 0.1, 80)
    (found,) = paired([means(first, second)], 0)
    theirs = stats.permutation_test(
        (first, second),
        lambda a, b, axis: (b - a).mean(axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=20_000,
        rng=np.random.default_rng(0),
    )
    assert not found.exact and found.p == pytest.approx(theirs.pvalue, abs=0.02)
    assert found.p > 0


@pytest.mark.slow
def test_without_a_difference_p_is_even() -> None:
    """Of 600 pairs of equally good systems, p is below 5 % in about 5 %, and as many intervals miss 0."""
    rng = np.random.default_rng(6)
    found = paired([means(row, row + rng.normal(0, 0.1, 30)) for row in rng.random((600, 30))], 1)
    assert np.mean([one.p < 0.05 for one in found]) == pytest.approx(0.05, abs=0.02)
    missed = np.mean([not one.difference.low <= 0 <= one.difference.high for one in found])
    assert missed == pytest.approx(0.05, abs=0.025)


def test_the_pairing_counts() -> None:
    rng = np.random.default_rng(1)
    first = rng.normal(0, 1, 60)
    (found,) = paired([means(first, first + rng.normal(0.02, 0.02, 60))], 0)
    assert found.p < 0.001 and found.difference.low > 0, "far less than videos differ from one another"


def test_what_one_of_them_left_undefined_is_left_out_of_both() -> None:
    (found,) = paired([means([0.5, math.nan, 0.5], [0.75, 0.1, math.nan])], 0)
    assert found.videos == 1 and found.difference.value == 0.25 and math.isnan(found.difference.low)
    assert found.p == 1.0, "one video changes sides: both ways are as far from 0"
    (nothing,) = paired([means([math.nan], [0.3])], 0)
    assert math.isnan(nothing.p) and math.isnan(nothing.difference.value)


def test_a_corpus_metric_is_recomputed_for_every_exchange() -> None:
    rng = np.random.default_rng(4)
    sums = [np.stack([rng.integers(0, 9, 8), rng.integers(9, 20, 8)], axis=1).astype(float) for _ in range(2)]

    def of(total: np.ndarray) -> np.ndarray:
        return np.sqrt(total[..., 0] / total[..., 1])

    (found,) = paired([(corpus_of(sums[0], of), corpus_of(sums[1], of))], 0)
    observed = of(sums[1].sum(0)) - of(sums[0].sum(0))
    hits = 0
    for number in range(2**8):  # brute force
        stay = np.array([number >> i & 1 for i in range(8)], bool)[:, None]
        one, other = np.where(stay, sums[0], sums[1]), np.where(stay, sums[1], sums[0])
        hits += abs(of(other.sum(0)) - of(one.sum(0))) >= abs(observed) - 1e-12
    assert found.exact and found.p == pytest.approx(hits / 2**8) and found.difference.value == pytest.approx(observed)


def test_runs_of_both_systems_widen_the_difference() -> None:
    rng = np.random.default_rng(8)
    span = span_of("fraction")
    videos = rng.uniform(0.3, 0.7, 40)
    first = videos + np.array([[-0.05], [0.05]])
    second = videos + rng.normal(0.03, 0.01, 40) + np.array([[-0.04], [0.0], [0.04]])
    (found,) = paired([(mean_of(first, span), mean_of(second, span))], 0)
    (same,) = paired([(mean_of(first.mean(axis=0), span), mean_of(second.mean(axis=0), span))], 0)
    assert found.difference.value == pytest.approx(same.difference.value) and found.p == same.p < 0.01
    assert same.difference.low > 0 > found.difference.low, "other runs may well turn it round"
    variance = np.var([-0.05, 0.05], ddof=1) / 2 + np.var([-0.04, 0, 0.04], ddof=1) / 3
    welch = stats.ttest_ind([-0.05, 0.05], [-0.04, 0, 0.04], equal_var=False).df
    assert found.difference.high - found.difference.low == pytest.approx(
        2 * stats.t(welch).ppf(0.975) * math.sqrt(variance), rel=0.15
    )
    assert found.difference.low >= -1 and found.difference.high <= 1


def test_a_corpus_metric_of_runs_is_the_mean_of_the_runs() -> None:
    rng = np.random.default_rng(5)
    length = rng.integers(5, 20, (2, 9)).astype(float)
    sums = np.stack([length * rng.random((2, 9)), length], axis=-1)
    one = np.stack([length[0] * rng.random(9), length[0]], axis=-1)

    def of(total: np.ndarray) -> np.ndarray:
        return total[..., 0] / total[..., 1]

    (found,) = paired([(corpus_of(one, of), corpus_of(sums, of))], 0)
    assert found.difference.value == pytest.approx(of(sums.sum(axis=1)).mean() - of(one.sum(axis=0)))


def test_unlike_videos_are_refused() -> None:
    with pytest.raises(ValueError, match="same videos"):
        paired([(mean_of(np.zeros(3)), mean_of(np.zeros(4)))], 0)


@given(st.lists(st.none() | st.floats(0, 1), max_size=12))
def test_holm_by_its_definition(ps: list[float | None]) -> None:
    known = [p for p in ps if p is not None]
    for p, adjusted in zip(ps, holm(ps), strict=True):
        if p is None:
            assert adjusted is None
            continue
        smaller = [q for q in known if q <= p]
        assert adjusted == pytest.approx(max(min(1.0, sum(r >= q for r in known) * q) for q in smaller), abs=1e-12)
