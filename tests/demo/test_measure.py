"""Scores on cases that can be counted by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.measure import exact_share, keyframe_f1, mean, named_events
from demo.world import Event

SIGNS = [Event("sign", 1.5, 2.5, word="EXIT"), Event("sign", 5.5, 6.5, word="STOP")]
seconds = st.sets(st.integers(0, 50))


@pytest.mark.parametrize(
    ("predicted", "known", "f1"),
    [([], [], 1.0), ([], [1], 0.0), ([1, 2], [2, 3], 0.5), ([1.0, 2.0], [1, 2], 1.0), ([1, 1, 2], [1, 2, 3, 4], 2 / 3)],
)
def test_keyframe_f1(predicted: list[float], known: list[float], f1: float) -> None:
    assert keyframe_f1(predicted, known) == pytest.approx(f1)


@given(seconds, seconds)
def test_keyframe_f1_is_symmetric_and_bounded(one: set[int], other: set[int]) -> None:
    assert 0 <= keyframe_f1(one, other) == keyframe_f1(other, one) <= 1
    assert (keyframe_f1(one, other) == 1) == (one == other)


def test_events_are_counted_over_all_texts() -> None:
    assert named_events(['A sign reads "EXIT".', 'A sign reads "EXIT".'], SIGNS) == 1
    assert named_events(["A sign reads STOP, a sign reads EXIT"], SIGNS) == 2
    assert named_events([], SIGNS) == 0


def test_exact_share_wants_equal_lengths() -> None:
    assert exact_share(["a", "b"], ["a", "c"]) == 0.5
    with pytest.raises(ValueError, match="1 texts against 2"):
        exact_share(["a"], ["a", "b"])
    with pytest.raises(ValueError, match="nothing"):
        mean([])
