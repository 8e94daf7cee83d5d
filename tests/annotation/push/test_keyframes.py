"""A keyframe's moment as the player takes it, and the lines of captions beside the pictures."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from annotation.push.keyframes import caption_lines, keyframe_region, player_time

rates = st.sampled_from([5.0, 10.0, 15.0, 23.976, 24.0, 25.0, 29.97, 30.0, 50.0, 59.94, 60.0, 120.0])


@given(st.integers(0, 20_000), rates)
def test_the_player_shows_the_picture_of_the_keyframe(second: int, fps: float) -> None:
    """Label Studio's player is at picture ceil(time x rate), counted from 1, and reports time in steps of 2 ms."""
    picture = round(second * fps)
    at = player_time(picture / fps, fps)
    assert math.ceil(at * fps) == picture + 1
    reported = round(at / 0.002) * 0.002
    assert reported > at and reported - at < 0.001 and math.ceil(reported * fps) == picture + 1


def test_every_moment_from_the_first_keyframe_on_belongs_to_one_line() -> None:
    lines = caption_lines([(1.0, "One."), (3.0, None), (9.0, " ")], 25.0, 12.0)
    assert [(line["t"], line["text"]) for line in lines] == [
        ("0:01", "One."),
        ("0:03", "(no caption)"),
        ("0:09", "(no caption)"),
    ]
    assert [line["end"] for line in lines[:-1]] == [line["start"] for line in lines[1:]] and lines[-1]["end"] >= 12.0


def test_a_keyframe_without_a_caption_has_a_mark_and_no_text() -> None:
    assert [part["type"] for part in keyframe_region(0, "One.")] == ["paragraphlabels", "textarea"]
    (mark,) = keyframe_region(4, None)
    assert mark["value"]["endOffset"] == len("(no caption)") and mark["value"]["start"] == "4"
