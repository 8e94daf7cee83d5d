"""Shots against a brute-force search and scenes with known cuts."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from curation.frames.shots import change_points, segment
from curation.frames.similarity import look_at
from tests.curation import barcode

vectors = st.integers(1, 9).flatmap(
    lambda count: st.lists(st.integers(0, 5), min_size=3 * count, max_size=3 * count).map(
        lambda flat: unit(np.array(flat, float).reshape(count, 3) + 0.1)
    )
)


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def scatter(rows):
    rows = rows.astype(float)
    return float(((rows - rows.mean(axis=0)) ** 2).sum())


def cost(rows, starts, penalty):
    return sum(scatter(rows[a:b]) + penalty for a, b in pairwise([*starts, len(rows)]))


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(vectors, st.floats(0.01, 1.0))
def test_the_segmentation_is_the_cheapest_of_all(rows, penalty):
    count = len(rows)
    choices = ([0] + [i + 1 for i in range(count - 1) if mask >> i & 1] for mask in range(1 << (count - 1)))
    best = min(cost(rows, starts, penalty) for starts in choices)
    assert cost(rows, change_points(rows, penalty), penalty) == pytest.approx(best, abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 4), st.floats(0.0, 3.0))
def test_the_change_points_of_random_features_are_the_only_optimum(seed, count, width, penalty):
    # Random features have no ties, so that the change points themselves must be those of all segmentations tried.
    rows = np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)
    choices = ([0, *places] for size in range(count) for places in combinations(range(1, count), size))
    best = min(choices, key=lambda starts: cost(rows, starts, penalty))
    assert change_points(rows, penalty) == best


def test_true_changes_and_their_number_are_found_in_noise():
    rng = np.random.default_rng(3)
    lengths = [30, 12, 45, 20, 33]
    rows = np.repeat(rng.normal(size=(5, 16)) * 3, lengths, axis=0) + rng.normal(size=(sum(lengths), 16)) * 0.1
    true = [0, *np.cumsum(lengths)[:-1].tolist()]
    assert change_points(rows.astype(np.float32), 10.0) == true
    assert [first for first, _ in segment(unit(rows))] == true
    assert change_points(rows.astype(np.float32), 1e9) == [0], "a high penalty leaves one segment"
    assert change_points(rows.astype(np.float32), 0.0) == list(range(len(rows))), "without penalty every frame is one"


def test_equal_frames_are_one_shot():
    assert segment(unit(np.ones((1, 4)))) == ((0, 0),)
    assert segment(unit(np.ones((6, 4)))) == ((0, 5),)


@given(vectors)
def test_shots_cover_all_frames_once(rows):
    shots = segment(rows)
    assert [i for first, last in shots for i in range(first, last + 1)] == list(range(len(rows)))


def test_no_frames_have_no_shots():
    with pytest.raises(ValueError, match="no frames"):
        segment(np.zeros((0, 4), np.float32))


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(2, 12), min_size=1, max_size=8))
def test_hard_cuts_of_known_scenes_are_found_exactly(lengths):
    cuts = [sum(lengths[:n]) for n in range(1, len(lengths))]
    frames = [
        barcode.scene(160, 120, 1000 * second, tuple(1000 * cut for cut in cuts)) for second in range(sum(lengths))
    ]
    shots = segment(np.stack([look_at(Image.fromarray(frame)).histogram for frame in frames]))
    assert [first for first, _ in shots] == [0, *cuts]
