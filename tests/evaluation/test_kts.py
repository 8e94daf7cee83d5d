from __future__ import annotations

from itertools import combinations, pairwise
from math import inf, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.kts import linear_kernel, scatters, segment, segment_into, shots_from


def scatter(kernel: np.ndarray, first: int, last: int) -> float:
    part = kernel[first : last + 1, first : last + 1]
    return float(np.trace(part) - part.sum() / len(part))


def brute(kernel: np.ndarray, changes: int, shortest: int = 1) -> tuple[float, tuple[int, ...]]:
    frames = len(kernel)
    best: tuple[float, tuple[int, ...]] = (inf, ())
    for places in combinations(range(1, frames), changes):
        edges = (0, *places, frames)
        if min(b - a for a, b in pairwise(edges)) < shortest:
            continue
        cost = sum(scatter(kernel, a, b - 1) for a, b in pairwise(edges))
        best = min(best, (cost, places))
    return best


@given(st.integers(0, 10**6), st.integers(1, 9), st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_as_all_segmentations_tried(seed: int, frames: int, shortest: int) -> None:
    features = np.random.default_rng(seed).normal(size=(frames, 2))
    kernel = linear_kernel(features)
    most = 5
    found = segment(kernel, most, shortest=shortest)
    for changes, cost in enumerate(found.costs):
        expected, places = brute(kernel, changes, shortest)
        if frames >= shortest:
            assert cost == pytest.approx(expected, abs=1e-9)
            if changes:
                assert segment_into(kernel, changes, shortest=shortest).changes.tolist() == list(places)
    # No number of changes that would be possible is missing.
    assert len(found.costs) == 1 + max(0, min(most, frames // shortest - 1))
    objective = [
        cost / frames + (changes / (2 * frames) * (log(frames / changes) + 1) if changes else 0)
        for changes, cost in enumerate(found.costs)
    ]
    assert len(found.changes) == int(np.argmin(objective))


def test_true_changes_are_found_and_their_number() -> None:
    rng = np.random.default_rng(3)
    lengths = [30, 12, 45, 20, 33]
    centres = rng.normal(size=(5, 16)) * 3
    features = np.repeat(centres, lengths, axis=0) + rng.normal(size=(sum(lengths), 16)) * 0.1
    found = segment(linear_kernel(features), 20)
    assert found.changes.tolist() == np.cumsum(lengths)[:-1].tolist()
    assert (np.diff(found.costs) <= 1e-9).all(), "more parts never scatter more"
    assert segment(linear_kernel(features), 20, vmax=1e9).changes.size == 0
    assert segment(linear_kernel(features), 20, vmax=0).changes.size == 20
    assert segment(linear_kernel(features), 20, rate=15).changes.size >= found.changes.size, "g falls with the length"


def test_scatters_of_a_kernel() -> None:
    kernel = linear_kernel(np.random.default_rng(0).normal(size=(8, 3)))
    found = scatters(kernel)
    for i in range(8):
        for j in range(8):
            assert found[i, j] == (inf if j < i else pytest.approx(scatter(kernel, i, j), abs=1e-9))


def test_edges() -> None:
    one = segment(np.ones((1, 1)), 5)
    assert one.changes.size == 0 and one.costs.tolist() == [0]
    same = segment(np.ones((6, 6)), 5)
    assert same.changes.size == 0, "nothing changes"
    with pytest.raises(ValueError, match="do not hold"):
        segment_into(np.ones((4, 4)), 2, shortest=2)
    for kernel in (np.ones((2, 3)), np.ones((0, 0)), np.ones(4)):
        with pytest.raises(ValueError, match="kernel of shape"):
            segment(kernel, 1)
    with pytest.raises(ValueError, match="changes, parts of"):
        segment(np.ones((3, 3)), -1)


def test_shots_of_the_whole_video() -> None:
    shots = shots_from(np.array([2, 3]), np.arange(0, 70, 15), 70)
    assert shots.tolist() == [[0, 29], [30, 44], [45, 69]]
    assert shots_from(np.zeros(0, np.int64), np.arange(0, 70, 15), 70).tolist() == [[0, 69]]
