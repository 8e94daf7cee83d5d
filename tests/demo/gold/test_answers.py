"""The true texts describe what a film's pictures show; a planted error is one error at the recorded place."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.gold.answers import KINDS, Texts, plant, truth
from demo.render import HEIGHT, WIDTH
from demo.world import Script, make_script, names_event, shows_event
from schemas.records import Frame, FrameSet

PICTURES = 10  # a second
SCRIPTS = st.integers(0, 2**48).map(lambda seed: make_script(seed, 40))
RATES = st.sampled_from([1.0, 1.25, 2.0, 2.5, 5.0, 10.0, 30.0])
STARTS = st.sampled_from([0.0, 0.2, 1.4, 3600.1])


def sampled(script: Script, fps: float, start: float = 0.0) -> FrameSet:
    """The frames that sampling a film of the script gives: for each k the last picture shown at k / fps seconds."""
    count = int(script.duration * Fraction(fps))
    pts = [int(Fraction(k) / Fraction(fps) * PICTURES) / PICTURES + start for k in range(count)]
    return FrameSet(
        video_sha256="0" * 64,
        backend="pyav",
        fps=fps,
        width=WIDTH,
        height=HEIGHT,
        frames=tuple(
            Frame(index=k, time=k / fps, pts=at, sha256="0" * 64, phash="0" * 16, shot=0) for k, at in enumerate(pts)
        ),
        shots=((0, count - 1),),
    )


@given(SCRIPTS, STARTS)
def test_at_one_frame_a_second_the_truth_is_the_scripts_own(script: Script, start: float) -> None:
    texts = truth(script, sampled(script, 1.0, start))
    assert texts.captions == script.captions
    assert texts.keyframes == script.keyframes
    assert [point.text for point in texts.points] == [event.sentence for event in script.events]


@given(SCRIPTS, RATES, STARTS)
def test_at_any_rate_each_sentence_rests_on_frames_that_show_it(script: Script, fps: float, start: float) -> None:
    texts = truth(script, sampled(script, fps, start))
    for point, event in zip(texts.points, script.events, strict=True):
        assert point.frames and len(point.frames) <= len(event.seconds)
        assert all(names_event(texts.captions[index], event) for index in point.frames)


def differences(true: Texts, texts: Texts) -> tuple[list[int], list[int]]:
    """Frames whose captions differ, and sentences that differ in their text or their frames."""
    assert len(texts.captions) == len(true.captions) and len(texts.points) == len(true.points)
    frames = [n for n, (a, b) in enumerate(zip(true.captions, texts.captions, strict=True)) if a != b]
    return frames, [n for n, (a, b) in enumerate(zip(true.points, texts.points, strict=True)) if a != b]


@given(SCRIPTS, RATES, STARTS, st.sampled_from(KINDS), st.integers())
def test_one_error_is_planted_where_it_is_said_to_be(script, fps, start, kind, seed) -> None:
    frames = sampled(script, fps, start)
    true = truth(script, frames)
    texts, planted = plant(script, frames, kind, random.Random(seed))
    assert planted.kind == kind and planted.true != planted.shown
    captions, sentences = differences(true, texts)
    if kind == "caption":
        (index,) = captions
        assert sentences == [] and index in texts.keyframes
        assert (planted.time, planted.true) == (frames.frames[index].time, true.captions[index])
        wrong = planted.shown
        assert texts.captions[index] == wrong and shows_event(wrong)
    else:
        (number,) = sentences
        was, now, event = true.points[number], texts.points[number], script.events[number]
        assert captions == [] and planted.time == frames.frames[now.frames[0]].time
        if kind == "sentence":
            assert was.frames == now.frames and (planted.true, planted.shown) == (was.text, now.text)
            wrong = now.text
        else:
            assert was.text == now.text and not set(was.frames) & set(now.frames)
            assert planted.true == "".join(f"[{frames.frames[index].time}]" for index in was.frames)
            assert planted.shown == f"[{planted.time}]"
            wrong = texts.captions[now.frames[0]]
            assert not shows_event(wrong) and not any(names_event(true.captions[i], event) for i in now.frames)
            order = [index for point in texts.points for index in point.frames]
            assert order == sorted(set(order)), "the sentences stay in the order of time"
    assert not any(names_event(wrong, event) for event in script.events), "nothing of it happens anywhere"


def test_events_between_two_frames_are_texts() -> None:
    script = make_script(1, 40)
    with pytest.raises(ValueError, match="no frame shows the event"):
        truth(script, sampled(script, 0.125))
