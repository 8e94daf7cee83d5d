"""What is said while each sampled frame is shown."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from curation.text.said import LONGEST_SAID, said_at
from schemas.parts.transcript import SpokenSegment
from schemas.time import Seconds


def line(start: float, end: float, text: str) -> SpokenSegment:
    return SpokenSegment(start=Seconds(start), end=Seconds(end), text=text)


def test_a_frame_has_the_whole_lines_that_are_spoken_while_it_is_shown() -> None:
    seconds = np.arange(5.0)
    lines = [line(1.5, 3.0, "B [x]<v>"), line(0, 0.4, "A"), line(3, 3, "C"), line(4.9, 9, "D"), line(7, 8, "late")]
    assert said_at(lines, seconds, 5.0) == ("A", "B (x)‹v›", "B (x)‹v›", "C", "D")
    assert said_at([], seconds, 5.0) == ("",) * 5
    assert said_at([line(0.2, 1.2, "b"), line(0, 2, "a")], seconds, 5.0)[:2] == ("a b", "a b")


@given(
    st.lists(st.tuples(st.floats(0, 30), st.floats(0, 10)), max_size=8),
    st.integers(1, 20),
    st.sampled_from([0.5, 1.0, 2.0]),
)
def test_every_line_that_begins_in_time_is_said_where_it_overlaps(
    spans: list[tuple[float, float]], frames: int, fps: float
) -> None:
    """The oracle: every frame against every line."""
    seconds, duration = np.arange(frames) / fps, frames / fps
    lines = [line(start, start + length, f"n{number}n") for number, (start, length) in enumerate(spans)]
    said = said_at(lines, seconds, duration)
    for number, one in enumerate(lines):
        for frame, first in enumerate(seconds):
            until = first + 1 / fps
            overlaps = one.start < until and one.end > first
            begins = first <= one.start < until
            assert (f"n{number}n" in said[frame]) == (one.start < duration and (overlaps or begins))


def test_lines_with_wrong_ends_stay_few() -> None:
    """Every line of a film of seven minutes seems to be said until its end."""
    lines = [line(number / 5, 450, f"line number {number}, " + "word " * 14) for number in range(2000)]
    said = said_at(lines, np.arange(450.0), 450.0)
    assert max(map(len, said)) <= LONGEST_SAID and said[0].startswith("line number 0,")
    assert len({id(text) for text in said[300:]}) == 1, "frames with the same lines share one text"
    (long,) = said_at([line(0, 1, "x" * 5000)], np.arange(1.0), 1.0)
    assert len(long) == 5000, "a line is never cut"
