from __future__ import annotations

import random
import warnings

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

import evaluation.metrics.ranks as ranks
from evaluation.metrics.ranks import kendall, rank_correlations

CLOSE = 1e-12


def by_scipy(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(stats.kendalltau(x, y)[0]), float(stats.spearmanr(x, y)[0])


def check(x: np.ndarray, y: np.ndarray) -> None:
    found = rank_correlations(x, y)
    for b in range(x.shape[0]):
        for r in range(y.shape[1]):
            tau, rho = by_scipy(x[b], y[min(b, y.shape[0] - 1), r])
            np.testing.assert_allclose([found.tau[b, r], found.rho[b, r]], [tau, rho], atol=CLOSE, rtol=0)


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    rows, annotators, frames = draw(st.integers(1, 3)), draw(st.integers(1, 4)), draw(st.integers(2, 25))

    def values(shape: tuple[int, ...]) -> np.ndarray:
        kind = draw(st.sampled_from(["flags", "levels", "numbers"]))
        if kind == "flags":
            return draw(hnp.arrays(np.bool_, shape))
        elements = st.integers(-2, 3).map(float) if kind == "levels" else st.floats(-1e300, 1e300, allow_nan=False)
        return draw(hnp.arrays(np.float64, shape, elements=elements))

    return values((rows, frames)), values((draw(st.sampled_from([1, rows])), annotators, frames))


@pytest.mark.slow
@given(cases())
@settings(max_examples=150)
def test_as_scipy_with_ties_constants_and_any_mixture(case: tuple[np.ndarray, np.ndarray]) -> None:
    check(*case)


def test_long_videos_and_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    monkeypatch.setattr(ranks, "_CELLS", 3000)
    x = rng.normal(size=(7, 700))
    check(x, rng.integers(1, 6, (1, 3, 700)).astype(float))
    check(x.round(1), rng.normal(size=(7, 2, 700)))
    check(x, rng.random((7, 2, 700)) < 0.15)
    check(x > 1, rng.integers(0, 11, (1, 1, 700)) / 10)


def test_brute_force_over_pairs() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 4, 30), rng.integers(0, 9, 30)
    order = np.sign(x[:, None] - x) * np.sign(y[:, None] - y)
    untied = [(np.sign(v[:, None] - v) != 0).sum() for v in (x, y)]
    assert kendall(x, y[None])[0] == pytest.approx(order.sum() / np.sqrt(untied[0] * untied[1]), abs=CLOSE)


@pytest.mark.parametrize("frames", [0, 1])
def test_too_few_frames_are_undefined(frames: int) -> None:
    found = rank_correlations(np.zeros((2, frames)), np.zeros((1, 3, frames)))
    assert found.tau.shape == (2, 3) and np.isnan(found.tau).all() and np.isnan(found.rho).all()


def test_constants_are_undefined_and_perfect_order_is_exactly_one() -> None:
    up = np.arange(40.0)
    found = rank_correlations(np.stack([up, np.ones(40)]), np.stack([up, -up, np.zeros(40)])[None])
    assert found.tau[0, :2].tolist() == [1, -1] and found.rho[0, :2].tolist() == [1, -1]
    assert np.isnan(found.tau[0, 2]) and np.isnan(found.tau[1]).all() and np.isnan(found.rho[1]).all()
    assert rank_correlations(up[None], np.zeros((1, 0, 40))).tau.shape == (1, 0), "no annotators, no values"


@given(hnp.arrays(np.float64, 12, elements=st.integers(0, 5).map(float)), st.randoms())
def test_only_the_order_counts(x: np.ndarray, random: object) -> None:
    y = np.arange(12.0)[None] % 5
    np.testing.assert_array_equal(kendall(x, y), kendall(np.exp(x) * 7, y))
    np.testing.assert_allclose(kendall(-x, y), -kendall(x, y))


@pytest.mark.parametrize(
    ("x", "y"),
    [((2, 3), (2, 3)), ((2, 3), (3, 1, 3)), ((2, 3), (1, 1, 4)), ((3,), (1, 1, 3))],
)
def test_shapes_that_do_not_fit(x: tuple[int, ...], y: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        rank_correlations(np.zeros(x), np.zeros(y))


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        rank_correlations(np.array([[1.0, np.nan]]), np.zeros((1, 1, 2)))


@given(st.integers(2, 40).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n - 1), st.randoms())))
@example((48, 8, random.Random(0)))
def test_distinct_scores_have_a_ceiling_against_one_selection(case: tuple[int, int, random.Random]) -> None:
    frames, chosen, source = case
    selection = np.zeros(frames, bool)
    selection[source.sample(range(frames), chosen)] = True
    ceiling = ranks.highest_kendall(chosen, frames)
    perfect = np.argsort(np.argsort(selection, kind="stable"))  # distinct, and every chosen frame above all others
    assert stats.kendalltau(perfect, selection).statistic == pytest.approx(ceiling)
    other = np.array(source.sample(range(frames), frames))
    assert kendall(other, selection[None])[0] <= ceiling + CLOSE
    assert kendall(selection, selection[None])[0] == pytest.approx(1)  # scores with ties


def test_one_value_has_no_ceiling() -> None:
    assert np.isnan([ranks.highest_kendall(0, 9), ranks.highest_kendall(9, 9), ranks.highest_kendall(0, 0)]).all()
