"""Frames are dense where pictures change, and predictions about them are about all frames again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.summarizers.adaptive import adaptive_frames, nearest_of, on_all_frames
from models.summarizers.predicted import Predicted
from models.summarizers.slots import SlotMap


@given(st.integers(1, 60), st.integers(2, 40), st.integers(0, 9))
def test_they_ascend_and_keep_both_ends(frames: int, count: int, seed: int) -> None:
    vectors = np.random.default_rng(seed).standard_normal((frames, 5)).astype(np.float32)
    chosen = adaptive_frames(vectors, count)
    assert 1 <= len(chosen) <= min(count, frames) and (np.diff(chosen) > 0).all()
    assert chosen[0] == 0 and chosen[-1] == frames - 1
    if frames >= count:
        still = adaptive_frames(np.ones((frames, 5), np.float32), count)
        assert np.abs(still - SlotMap(count).shown(frames)).max() <= 1


def test_they_are_dense_where_pictures_change() -> None:
    vectors = np.zeros((60, 30), np.float32)
    vectors[:, 0] = 1
    vectors[20:40] = np.eye(30, dtype=np.float32)[np.arange(20) % 30]  # every frame unlike the one before
    chosen = adaptive_frames(vectors, 30)
    assert ((chosen >= 20) & (chosen < 40)).sum() >= 15, "uniform frames would be 10"
    with pytest.raises(ValueError, match="0 frames"):
        adaptive_frames(vectors[:0], 30)


def test_predictions_come_back_to_all_frames() -> None:
    seen = np.array([0, 2, 8])
    assert nearest_of(seen, 9).tolist() == [0, 0, 1, 1, 1, 1, 2, 2, 2]
    said = Predicted(np.array([0.0, 1.0, 0.4], np.float32), (1, 2), "A man.", (((0, 2), "A man."),))
    back = on_all_frames(said, seen, 9)
    assert back.scores == pytest.approx([0, 0.5, 1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    assert back.keyframes == (2, 8) and back.interleaved == (((0, 8), "A man."),) and back.text == "A man."
    assert on_all_frames(Predicted(None, ()), seen, 9).scores is None
