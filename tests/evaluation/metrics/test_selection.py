from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import evaluation.metrics.selection as selection
from evaluation.cases import FullLength, check_shots
from evaluation.metrics.selection import (
    expand,
    floor_share,
    knapsack,
    shot_means,
    shot_summary,
    shots_to_frames,
    top_share,
    uniform_shots,
    upstream_threshold,
)

LEVELS = st.integers(-2, 3).map(float)


def test_shares_are_decimal_and_exact() -> None:
    assert [floor_share(t, 0.15) for t in (0, 6, 7, 13, 20, 100, 200)] == [0, 0, 1, 1, 3, 15, 30]
    assert floor_share(100, 0.29) == 29 and int(100 * 0.29) == 28
    assert all(floor_share(t, 0.15) == 15 * t // 100 for t in range(5000))
    for share in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="share"):
            floor_share(10, share)


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 40)), elements=LEVELS), st.floats(0, 1))
def test_the_best_frames_and_of_equals_the_earliest(scores: np.ndarray, share: float) -> None:
    chosen = top_share(scores, share)
    for row, flags in zip(scores, chosen, strict=True):
        count = max(1, floor_share(len(row), share))
        assert np.flatnonzero(flags).tolist() == sorted(sorted(range(len(row)), key=lambda i: (-row[i], i))[:count])


def test_the_upstream_threshold_is_what_its_numpy_calls_do() -> None:
    rng = np.random.default_rng(0)
    for frames in (1, 2, 6, 7, 20, 133):
        for scores in (rng.normal(size=(frames, 1)), rng.integers(0, 3, (frames, 1)).astype(float)):
            # The published code's steps on its own shape (T, 1): sort along the last axis, reverse, take one.
            threshold = np.flip(np.sort(scores), axis=0)[int(frames * 0.15)]
            expected = (scores >= threshold).ravel()
            np.testing.assert_array_equal(upstream_threshold(scores.T)[0], expected)
    shares = upstream_threshold(rng.random((3000, 200))).mean(axis=1)
    assert abs(shares.mean() - 0.5) < 0.03 and abs(shares.std() - 0.29) < 0.02


@given(st.data())
@settings(max_examples=150)
def test_the_knapsack_is_exact(data: st.DataObject) -> None:
    shots = data.draw(st.integers(0, 8))
    lengths = data.draw(hnp.arrays(np.int64, shots, elements=st.integers(1, 9)))
    # Multiples of 1/8: sums are exact in any order.
    values = data.draw(hnp.arrays(np.float64, (3, shots), elements=st.integers(-4, 16).map(lambda v: v / 8)))
    capacity = data.draw(st.integers(0, 25))
    chosen = knapsack(values, lengths, capacity)
    for row, flags in zip(values, chosen, strict=True):
        assert lengths[flags].sum() <= capacity and (row[flags] > 0).all()
        best = max(
            sum(row[i] for i in range(shots) if take[i])
            for take in product([0, 1], repeat=shots)
            if sum(lengths[i] for i in range(shots) if take[i]) <= capacity
        )
        assert row[flags].sum() == best


def test_many_rows_are_the_same_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    values, lengths = rng.random((23, 30)), rng.integers(20, 300, 30)
    whole = knapsack(values, lengths, 700)
    monkeypatch.setattr(selection, "_CELLS", 1500)
    np.testing.assert_array_equal(knapsack(values, lengths, 700), whole)
    np.testing.assert_array_equal(np.concatenate([knapsack(v[None], lengths, 700) for v in values]), whole)


def test_of_equal_totals_later_shots_are_left_out() -> None:
    assert knapsack(np.array([[1.0, 1.0, 1.0]]), np.array([2, 2, 2]), 4).tolist() == [[True, True, False]]


def test_expanding_holds_until_the_next_pick() -> None:
    scores = np.array([[1.0, 2.0, 3.0]])
    assert expand(scores, np.array([0, 2, 5]), 7).tolist() == [[1, 1, 2, 2, 2, 3, 3]]
    assert expand(scores, np.array([1, 2, 5]), 6).tolist() == [[0, 1, 2, 2, 2, 3]]
    flags = expand(scores > 1, np.array([0, 2, 5]), 7)
    assert flags.dtype == bool and flags.tolist() == [[False, False, True, True, True, True, True]]
    assert expand(np.zeros((1, 0)), np.zeros(0, np.int64), 3).tolist() == [[0, 0, 0]]
    for picks in ([0, 2], [0, 2, 7], [0, 2, 2], [-1, 2, 3]):
        with pytest.raises(ValueError, match="picks"):
            expand(scores, np.array(picks), 7)


def test_a_summary_of_whole_shots() -> None:
    shots = np.array([[0, 1], [2, 5], [6, 6], [7, 9]])
    scores = np.array([[1.0, 3, 0, 4, 4, 4, 9, 0, 0, 3], [0, 0, 1, 1, 1, 1, 0, 5, 5, 5]])
    np.testing.assert_allclose(shot_means(scores, shots), [[2, 3, 9, 1], [0, 1, 0, 5]])
    full = FullLength(10, np.arange(10), shots)
    assert shot_summary(scores, full, 0.3).astype(int).tolist() == [
        [1, 1, 0, 0, 0, 0, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 1, 1, 1],
    ]
    gaps = np.array([[1, 2], [5, 6]])
    assert shot_means(scores, gaps).tolist() == [[1.5, 6.5], [0.5, 0.5]]
    frames = shots_to_frames(np.array([[True, False]]), gaps, 10)
    assert np.flatnonzero(frames).tolist() == [1, 2]
    assert shot_means(scores, np.zeros((0, 2), np.int64)).shape == (2, 0)


@given(st.integers(1, 200), st.integers(1, 50))
def test_uniform_shots_cover_the_video(frames: int, length: int) -> None:
    shots = uniform_shots(frames, length)
    check_shots(shots, frames)
    assert shots_to_frames(np.ones((1, len(shots)), bool), shots, frames).all()
    assert (shots[:, 1] - shots[:, 0] + 1).sum() == frames


@pytest.mark.parametrize("shots", [[[0, 3], [3, 5]], [[2, 1]], [[0, 10]], [[-1, 2]], [0, 1]])
def test_bad_shots(shots: list[object]) -> None:
    with pytest.raises(ValueError, match="shots"):
        check_shots(np.array(shots), 10)


def test_bad_knapsacks() -> None:
    with pytest.raises(ValueError, match="without frames"):
        knapsack(np.ones((1, 2)), np.array([1, 0]), 3)
    with pytest.raises(ValueError, match="do not fit"):
        knapsack(np.ones((1, 2)), np.array([1]), 3)
