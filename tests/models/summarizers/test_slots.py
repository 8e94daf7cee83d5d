"""The map between slots and frames of a model: exact there and back, for any number of slots."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.summarizers.predicted import Predicted
from models.summarizers.slots import SlotMap
from schemas.temporal import SlotLine, format_slots, parse_slots
from schemas.time import Slot, slot_to_index

SIZES = (10, 50, 100, 250, 1000)


@pytest.mark.parametrize("slots", SIZES)
@given(st.integers(0, 3000), st.data())
def test_slot_to_frame_and_back_is_exact_where_every_slot_has_a_frame(
    slots: int, more: int, data: st.DataObject
) -> None:
    slot = data.draw(st.integers(0, slots - 1))
    frames = slots + more
    assert SlotMap(slots).of_frame(SlotMap(slots).frame(slot, frames), frames) == slot


@pytest.mark.parametrize("slots", SIZES)
@given(st.data())
def test_frame_to_slot_and_back_is_exact_where_every_frame_has_a_slot(slots: int, data: st.DataObject) -> None:
    frames = data.draw(st.integers(1, slots))
    frame = data.draw(st.integers(0, frames - 1))
    assert SlotMap(slots).frame(SlotMap(slots).of_frame(frame, frames), frames) == frame


@pytest.mark.parametrize("slots", SIZES)
@given(st.integers(1, 2000))
def test_shown_frames_are_those_of_the_one_mapping_and_never_a_slot_away_from_the_label(
    slots: int, frames: int
) -> None:
    """Upstream labels with round(100 t / D) and shows k D / 99: up to a slot apart. Here it is half a slot."""
    shown = SlotMap(slots).shown(frames)
    assert shown.shape == (slots,) and shown[0] == 0 and shown[-1] == frames - 1 and (np.diff(shown) >= 0).all()
    for frame in {0, frames // 3, frames // 2, frames - 1}:
        slot = SlotMap(slots).of_frame(frame, frames)
        assert abs(int(shown[slot]) - frame) <= 0.5 * max(1.0, (frames - 1) / (slots - 1)) + 0.5


@pytest.mark.parametrize("slots", SIZES)
def test_texts_are_those_of_the_grammar(slots: int) -> None:
    texts = SlotMap(slots).texts()
    assert len(set(texts)) == slots and len(set(map(len, texts))) == 1
    for slot in (0, slots // 2, slots - 1):
        assert format_slots([SlotLine((Slot(slot),), "A man.")], slots) == texts[slot] + "A man."
        assert parse_slots(texts[slot] + "A man.", slots)[0].slots == (slot,)


def test_what_is_no_slot_is_refused() -> None:
    with pytest.raises(ValueError, match="1 slots"):
        SlotMap(1)
    with pytest.raises(ValueError, match="slot 100 of 100"):
        SlotMap().text(100)


@given(st.integers(1, 300), st.integers(2, 150), st.data())
def test_slot_probabilities_lie_exactly_where_slots_show(frames: int, slots: int, data: st.DataObject) -> None:
    given_ = data.draw(st.lists(st.floats(0, 1), min_size=slots, max_size=slots))
    scores = SlotMap(slots).scores(given_, frames)
    assert scores.shape == (frames,)
    shows: dict[int, list[float]] = {}
    for slot, value in enumerate(given_):
        shows.setdefault(slot_to_index(Slot(slot), frames, slots), []).append(value)
    anchors = sorted(shows)
    for frame in range(frames):
        if frame in shows:
            assert scores[frame] == max(shows[frame])
            continue
        after = next(k for k, anchor in enumerate(anchors) if anchor > frame)
        left, right = anchors[after - 1], anchors[after]
        share = (frame - left) / (right - left)
        assert math.isclose(scores[frame], (1 - share) * max(shows[left]) + share * max(shows[right]), abs_tol=1e-12)
    np.testing.assert_array_equal(scores, SlotMap(slots).scores(dict(enumerate(given_)), frames))
    if frames <= slots:
        assert len(shows) == frames


@pytest.mark.parametrize(
    "bad", [[0.5] * 99, {100: 0.1}, {-1: 0.1}, {3: -0.5}, {3: 1.5}, {3: math.nan}, {3: math.inf}, [-3.0] * 100]
)
def test_what_is_no_probability_is_refused(bad: object) -> None:
    with pytest.raises(ValueError, match=r"slot|probabilit"):
        SlotMap().scores(bad, 10)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scores", "keyframes", "interleaved", "why"),
    [
        (np.zeros(3), (), None, "float32"),
        (np.zeros((3, 1), np.float32), (), None, "float32"),
        (np.full(3, 1.5, np.float32), (), None, "within"),
        (np.full(3, np.nan, np.float32), (), None, "within"),
        (np.zeros(3, np.float32), (2, 1), None, "ascending"),
        (np.zeros(3, np.float32), (1, 1), None, "unique"),
        (np.zeros(3, np.float32), (-1,), None, "negative"),
        (np.zeros(3, np.float32), (3,), None, "3 of 3 frames"),
        (np.zeros(3, np.float32), (), (((0, 4), "A man."),), "4 of 3 frames"),
    ],
)
def test_a_prediction_that_is_none_is_refused(
    scores: np.ndarray, keyframes: tuple[int, ...], interleaved: tuple[tuple[tuple[int, ...], str], ...], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        Predicted(scores, keyframes, interleaved=interleaved)
