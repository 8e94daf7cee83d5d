"""Input frames: evenly spaced, by no keyframe, each with the time at which the video shows it."""

import io
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from curation.release.formats.frames import LONGEST, input_indices, scaled, time_text
from schemas.errors import PermanentError
from schemas.time import SLOTS, Seconds, Slot, slot_to_index
from tests.curation.samples import picture


@given(st.integers(1, 4000))
def test_frames_are_evenly_spaced_from_the_first_to_the_last(frames: int) -> None:
    chosen = input_indices(frames)
    assert chosen[0] == 0 and chosen[-1] == frames - 1 and len(chosen) == min(frames, SLOTS)
    steps = {later - earlier for earlier, later in itertools.pairwise(chosen)}
    assert all(step >= 1 for step in steps) and (not steps or max(steps) - min(steps) <= 1)


@given(st.integers(SLOTS, 4000))
def test_the_picture_of_a_slot_is_the_frame_of_that_slot(frames: int) -> None:
    assert input_indices(frames) == [slot_to_index(Slot(slot), frames) for slot in range(SLOTS)]


@given(st.floats(0, 4000))
def test_the_written_time_is_exact_to_a_twentieth_of_a_second(time: float) -> None:
    text = time_text(Seconds(time))
    assert text.endswith(" seconds>") and abs(float(text[1:].split()[0]) - time) <= 0.05 + 1e-9


def test_a_small_picture_stays_and_a_large_one_is_scaled() -> None:
    small = picture(1)
    assert scaled(small) is small
    large = picture(2, 1280, 720)
    with Image.open(io.BytesIO(scaled(large))) as image:
        assert image.size == (LONGEST, 189) and image.format == "JPEG"
    assert scaled(large) == scaled(large)


def test_bytes_that_are_no_picture_are_named() -> None:
    with pytest.raises(PermanentError, match="unreadable_picture"):
        scaled(b"no picture")
