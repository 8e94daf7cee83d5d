"""Frames and scores from generated text, against the grammar and the slot map."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.readers.model_text import from_text
from schemas.records import Sentence
from schemas.temporal import SlotLine, format_seconds, format_slots, format_stored
from schemas.time import FrameIndex, index_to_slot, slot_to_index

INDICES = st.integers(1, 400).flatmap(
    lambda frames: st.tuples(st.just(frames), st.sets(st.integers(0, frames - 1), min_size=1, max_size=12))
)


@given(INDICES, st.sampled_from(["marks", "lists"]), st.sampled_from([100, 100, 400, 2, 1000]))
def test_frames_survive_the_slots_as_far_as_there_are_slots(
    drawn: tuple[int, set[int]], dialect: str, slots: int
) -> None:
    frames, chosen = drawn
    lines = [SlotLine((index_to_slot(FrameIndex(i), frames, slots),), f"Frame {i}.") for i in sorted(chosen)]
    text = format_slots(lines, slots, dialect=dialect)  # type: ignore[arg-type]
    read = from_text("v", text, frames=frames, slots=slots)
    assert read.problems == ()
    assert read.prediction.selected is not None
    found = set(np.flatnonzero(read.prediction.selected).tolist())
    assert found == {slot_to_index(line.slots[0], frames, slots) for line in lines}
    if frames <= slots:
        assert found == chosen, "the inverse is exact"
    assert read.prediction.score_source == "selection"
    np.testing.assert_array_equal(read.prediction.scores, read.prediction.selected)
    assert read.prediction.text == " ".join(line.text for line in lines)


@given(INDICES, st.sampled_from([1.0, 2.0, 0.5, 29.97]))
def test_seconds_and_stored_forms_name_frames(drawn: tuple[int, set[int]], fps: float) -> None:
    frames, chosen = drawn
    sentences = [Sentence(times=(i / fps,), text=f"Frame {i}.") for i in sorted(chosen)]  # type: ignore[arg-type]
    stored = format_stored(sentences)
    for read in (
        from_text("v", format_seconds(sentences), frames=frames, fps=fps, form="seconds"),
        from_text("v", stored.text, frames=frames, fps=fps, form="stored", token=stored.token),
    ):
        assert read.problems == ()
        assert read.prediction.selected is not None
        assert set(np.flatnonzero(read.prediction.selected).tolist()) == chosen


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        ("[00][50][99]", {0, 50, 99}),  # keyframes only
        ("[00] [50]\n[99]", {0, 50, 99}),
        ("[00, 50, 99]", {0, 50, 99}),
        ("[00]A man. [50]A dog. [99]", {0, 50, 99}),  # cut off after a mark
        ("A man [00]. A dog [50, 99]. A cat", {0, 50, 99}),
        ("[0]Not padded. [050]Three digits. [99]Fine.", {0, 99}),
        ("[00]A. [150]B. [99]C.", {0, 99}),
        ("[08 - 10]A.", {8, 9, 10}),
    ],
)
def test_what_models_write(text: str, slots: set[int]) -> None:
    read = from_text("v", text, frames=100)
    assert read.prediction.selected is not None
    assert set(np.flatnonzero(read.prediction.selected).tolist()) == slots
    assert read.prediction.failure is None


def test_problems_are_kept() -> None:
    assert from_text("v", "[00]A. [99]B.", frames=10).problems == ()
    assert "150" in from_text("v", "[00]A. [150]B.", frames=10).problems[0]
    late = from_text("v", "[3.0]A. [9.0]B. [10.0]C. [99.5]D.", frames=10, form="seconds")
    assert late.problems == ("99.5 s lies outside the video of 10 frames at 1 fps",)
    assert np.flatnonzero(late.prediction.selected).tolist() == [3, 9]  # type: ignore[arg-type]
    unknown = from_text("v", "[<f0>]A. [<f9>]B.", frames=10, form="stored", token={"<f0>": 2.0})
    assert "<f9>" in unknown.problems[0]


def test_what_is_missing_is_the_worst_of_its_kind() -> None:
    words = from_text("v", "A man runs around and around", frames=10)
    assert words.prediction.failure is None
    assert words.prediction.text == "A man runs around and around"
    assert words.prediction.selected is not None and not words.prediction.selected.any()
    assert words.problems == ("no time mark",)
    frames = from_text("v", "[09][10]", frames=10)
    assert frames.prediction.text == ""
    only = from_text("v", "[09]A man.", frames=10, task="v2v")
    assert only.prediction.text is None and only.prediction.selected is not None
    text = from_text("v", "[09]A man.", frames=10, task="v2t")
    assert text.prediction.text == "A man." and text.prediction.selected is None and text.prediction.scores is None
    for task, bad in (("v2v", "A man."), ("v2t", "[09]"), ("v2vt", " \n"), ("v2vt", "[777]"), ("v2v", "")):
        failed = from_text("v", bad, frames=10, task=task)  # type: ignore[arg-type]
        assert failed.prediction.failure is not None, (task, bad)
        assert failed.prediction.scores is None


@given(st.text(max_size=80) | st.text("[]0123456789<f>,. \\\n-+e", max_size=80), st.integers(1, 120))
def test_no_text_breaks_it(text: str, frames: int) -> None:
    for form in ("slots", "seconds", "stored"):
        for task in ("v2vt", "v2v", "v2t"):
            read = from_text("v", text, frames=frames, form=form, task=task, token={"<f0>": 1.0})  # type: ignore[arg-type]
            if read.prediction.failure is None and read.prediction.selected is not None:
                assert read.prediction.selected.shape == (frames,)


def test_probabilities_go_before_the_selection() -> None:
    read = from_text("v", "[09]A.", frames=12, slot_probabilities={9: 0.9, 50: 0.4})
    assert read.prediction.score_source == "token_probabilities"
    assert read.prediction.scores is not None and read.prediction.scores.max() == 0.9


def test_bad_grids_are_refused() -> None:
    with pytest.raises(ValueError, match="0 frames"):
        from_text("v", "[09]A.", frames=0)
