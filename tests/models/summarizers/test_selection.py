from itertools import combinations
from math import factorial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.summarizers.selection import dpp_kernel, dpp_map, share_count, smooth, top


def determinant(kernel, items):
    return float(np.linalg.det(kernel[np.ix_(items, items)]))


def kernel_of(n, seed):
    rng = np.random.default_rng(seed)
    return dpp_kernel(rng.random(n), rng.normal(size=(n, n + 2)), relevance=0.5)


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 9), count=st.integers(1, 5), seed=st.integers(0, 10**6))
def test_each_step_takes_the_item_of_the_largest_determinant(n, count, seed):
    kernel, chosen = kernel_of(n, seed), []
    for _ in range(min(n, count)):
        chosen.append(max(set(range(n)) - set(chosen), key=lambda item: determinant(kernel, [*chosen, item])))
    assert dpp_map(kernel, count) == tuple(sorted(chosen))


@settings(max_examples=60, deadline=None)
@given(n=st.integers(1, 9), count=st.integers(1, 4), seed=st.integers(0, 10**6))
def test_the_choice_is_near_the_best_of_all(n, count, seed):
    """Greedy volume is at least the best volume / k! (Civril and Magdon-Ismail, 2009); a determinant is its square."""
    kernel, count = kernel_of(n, seed), min(n, count)
    best = max(determinant(kernel, items) for items in combinations(range(n), count))
    assert determinant(kernel, dpp_map(kernel, count)) >= best / factorial(count) ** 2 * (1 - 1e-9)


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 9), count=st.integers(1, 9), seed=st.integers(0, 10**6))
def test_without_similarity_it_is_the_best_of_all_and_the_top(n, count, seed):
    quality = np.random.default_rng(seed).random(n) + 0.1
    assert dpp_map(np.diag(quality), count) == top(quality, count)


def test_a_copy_of_a_chosen_frame_is_not_chosen():
    features = np.array([[1.0, 0], [1, 0], [0, 1]])
    scores = np.array([0.9, 0.89, 0.2])
    assert dpp_map(dpp_kernel(scores, features, 0.5), 2) == (0, 2)
    assert top(scores, 2) == (0, 1)
    assert dpp_map(dpp_kernel(scores, features, 0.5), 3) == (0, 2)


def test_relevance_weighs_scores_against_diversity():
    features = np.array([[1.0, 0], [1, 0.2], [0, 1]])
    scores = np.array([1.0, 0.9, 0.0])
    assert dpp_map(dpp_kernel(scores, features, 0.0), 2) == (0, 2)
    assert dpp_map(dpp_kernel(scores, features, 0.95), 2) == (0, 1)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 12), window=st.integers(1, 15), cut=st.integers(0, 11), seed=st.integers(0, 999))
def test_smoothing_is_the_mean_of_neighbours_in_the_same_event(n, window, cut, seed):
    scores = np.random.default_rng(seed).random(n)
    starts = (0, cut) if 0 < cut < n else (0,)
    for i, value in enumerate(smooth(scores, window, starts)):
        near = [
            scores[j]
            for j in range(n)
            if abs(i - j) <= window // 2 and sum(s <= i for s in starts) == sum(s <= j for s in starts)
        ]
        assert value == pytest.approx(np.mean(near))


def test_of_equal_scores_the_earlier_frame_is_taken():
    assert top(np.array([0.5, 0.7, 0.5, 0.5]), 3) == (0, 1, 2)


@pytest.mark.parametrize(("frames", "count"), [(1, 1), (6, 1), (14, 2), (100, 15)])
def test_a_share_is_rounded_down_to_one_at_least(frames, count):
    assert share_count(frames, 0.15) == count
