"""Answers of vision-language models: written in seconds or slots, and read back as they are meant."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.release.formats.items import Item
from models.summarizers.predicted import Predicted
from schemas.records import Sentence
from schemas.release import Times
from schemas.time import FrameIndex, Seconds, index_to_seconds
from training.examples import Example
from training.modern.answers import joined, read_answer


def example(frames: int, fps: float = 1.0) -> Example:
    seconds = np.arange(frames, dtype=float) / fps
    return Example("v", "test", frames / fps, seconds, np.zeros((1, frames), np.float32))


@given(st.data(), st.integers(2, 100), st.sampled_from([1.0, 2.0, 0.5, 29.97]), st.sampled_from(["seconds", "slots"]))
def test_the_right_answer_is_read_as_its_keyframes_and_sentences(
    data: st.DataObject, frames: int, fps: float, times: Times
) -> None:
    """The answers are those of the release's files; at most 100 frames, so that every frame has a slot."""
    chosen = sorted(data.draw(st.sets(st.integers(0, frames - 1), min_size=1, max_size=6)))
    at = [index_to_seconds(FrameIndex(frame), fps) for frame in chosen]
    sentences = tuple(Sentence(times=(Seconds(time),), text=f"A man rests {n}.") for n, time in enumerate(at))
    item = Item("v", "test", "v.mp4", frames, fps, (0,) * frames, tuple(at), "A man rests.", sentences)
    video = example(frames, fps)
    alone = read_answer("v2v", item.answer("v2v", times), video, times)
    assert alone.keyframes == tuple(chosen) and alone.text is None
    both = read_answer("v2vt", item.answer("v2vt", times), video, times)
    assert both.keyframes == tuple(chosen)
    assert both.interleaved == tuple(((frame,), line.text) for frame, line in zip(chosen, sentences, strict=True))
    assert both.text == " ".join(line.text for line in sentences)
    assert read_answer("v2t", item.answer("v2t", times), video, times).text == "A man rests."


@pytest.mark.parametrize(
    ("said", "keyframes"),
    [
        ("[3] [07.2]", (3, 7)),  # numbers as models write them, to the nearest frame
        ("[2.0 - 4.0]A man rests.", (2, 3, 4)),  # a span is everything in it
        ("From 2 to 4 seconds, a man rests.", (2, 3, 4)),
        ("[0:08]A man rests. [9.0]", (8, 9)),  # cut off after a time
        ("[3.0]A man rests. [500.0]He leaves. [8.0 - 500.0]Dogs.", (3, 8, 9)),  # the video has 10 s
        ("A man rests.", ()),
    ],
)
def test_other_forms_are_read_and_times_outside_choose_nothing(said: str, keyframes: tuple[int, ...]) -> None:
    assert read_answer("v2vt", said, example(10), "seconds").keyframes == keyframes


def test_a_text_without_times_is_still_a_text() -> None:
    read = read_answer("v2vt", "A man rests.", example(10), "seconds")
    assert read.text == "A man rests." and read.interleaved == () and read.scores is None


def test_two_answers_are_one_prediction() -> None:
    one = joined([Predicted(None, (1, 2)), Predicted(None, (), "A man.")])
    assert one.keyframes == (1, 2) and one.text == "A man." and one.interleaved is None
    assert joined([Predicted(None, ())]).text is None
