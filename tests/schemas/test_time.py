"""The conversions between the three time forms: inverse, monotonic, and total on their domain."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.time import (
    clock,
    index_to_seconds,
    index_to_slot,
    plain_seconds,
    round_half_up,
    seconds_to_index,
    seconds_to_slot,
    slot_to_index,
    slot_to_seconds,
)

SLOTS = st.integers(2, 1000)
FPS = st.one_of(st.sampled_from([0.5, 1.0, 2.0, 3.0, 29.97, 60.0]), st.floats(0.01, 60))


@given(st.integers(0, 10**6), FPS)
def test_index_to_seconds_and_back(index: int, fps: float) -> None:
    assert seconds_to_index(index_to_seconds(index, fps), fps) == index


@given(st.integers(1, 5000), SLOTS, st.data())
def test_every_slot_shows_the_frame_that_it_labels(frames: int, slots: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, frames - 1))
    slot = index_to_slot(index, frames, slots)
    assert 0 <= slot < slots
    if frames > 1:
        assert abs(slot - (slots - 1) * index / (frames - 1)) <= 0.5
        # Half a slot, plus the rounding to a whole frame.
        assert abs(slot_to_index(slot, frames, slots) - index) <= (frames - 1) / (slots - 1) / 2 + 0.5
    if frames <= slots:
        assert slot_to_index(slot, frames, slots) == index


@given(st.integers(1, 5000), SLOTS, st.data())
def test_slots_survive_long_videos(frames: int, slots: int, data: st.DataObject) -> None:
    slot = data.draw(st.integers(0, slots - 1))
    index = slot_to_index(slot, frames, slots)
    assert 0 <= index < frames
    if frames >= slots:
        assert index_to_slot(index, frames, slots) == slot


@given(st.floats(0.1, 1e5), SLOTS, st.data())
def test_seconds_to_slot_to_seconds(span: float, slots: int, data: st.DataObject) -> None:
    seconds = data.draw(st.floats(0, span))
    slot = seconds_to_slot(seconds, span, slots)
    assert abs(slot_to_seconds(slot, span, slots) - seconds) <= span / (slots - 1) / 2 * (1 + 1e-9)
    assert seconds_to_slot(slot_to_seconds(slot, span, slots), span, slots) == slot
    assert seconds_to_slot(span * 2, span, slots) == slots - 1


@given(st.integers(2, 2000), SLOTS)
def test_slots_are_monotonic_and_reach_both_ends(frames: int, slots: int) -> None:
    labels = [index_to_slot(index, frames, slots) for index in range(frames)]
    assert labels == sorted(labels)
    assert (labels[0], labels[-1]) == (0, slots - 1)


def test_a_single_frame_and_an_empty_span_are_slot_zero() -> None:
    assert index_to_slot(0, 1) == 0
    assert slot_to_index(99, 1) == 0
    assert seconds_to_slot(0.0, 0.0) == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: index_to_seconds(-1, 1.0),
        lambda: index_to_seconds(1, 0.0),
        lambda: seconds_to_index(-0.5, 1.0),
        lambda: seconds_to_index(1.0, 0.0),
        lambda: index_to_slot(5, 5),
        lambda: index_to_slot(0, 5, 1),
        lambda: slot_to_index(100, 5),
        lambda: slot_to_index(0, 0),
        lambda: seconds_to_slot(-1.0, 5.0),
        lambda: seconds_to_slot(1.0, -5.0),
        lambda: slot_to_seconds(100, 5.0),
        lambda: slot_to_seconds(0, -1.0),
    ],
)
def test_values_outside_are_refused(call) -> None:
    with pytest.raises(ValueError):
        call()


@given(st.floats(0, 1e15, allow_nan=False))
def test_plain_seconds_is_exact(seconds: float) -> None:
    assert float(plain_seconds(seconds)) == seconds
    assert ("." in plain_seconds(seconds) or "e" in plain_seconds(seconds)) != seconds.is_integer()


def test_halves_round_up() -> None:
    assert [round_half_up(x) for x in (0.5, 1.5, 2.5, -0.5)] == [1, 2, 3, 0]


@given(st.integers(0, 1_000_000))
def test_a_clock_reads_as_the_seconds_that_it_shows(tenths: int) -> None:
    seconds, unit = 0.0, 1
    for part in reversed(clock(tenths / 10).split(":")):
        assert float(part) < 60 or unit == 3600
        seconds, unit = seconds + unit * float(part), 60 * unit
    assert seconds == pytest.approx(tenths / 10)
