"""Rolling captions: every line once, in order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from curation.text.transcribe.cues import Cue, Line, Word, read_cues
from curation.text.transcribe.rolling import unrolled

TEXT = st.lists(st.sampled_from(["no", "yes", "a", "big", "dog"]), min_size=2, max_size=5).map(" ".join)


def rolled(texts: list[str], shown: int, *, timed: bool) -> list[Cue]:
    """Cues as YouTube's WebVTT has them: each shows the lines before, and between two is one of 10 milliseconds."""
    cues = []
    for place, text in enumerate(texts):
        start, first, *more = float(place), *text.split()
        words = (Word(start, first), *(Word(start + 0.1, word) for word in more)) if timed else ()
        before = tuple(Line(old) for old in texts[max(0, place - shown) : place])
        cues.append(Cue(start, start + 0.99, (*before, Line(text, words))))
        cues.append(
            Cue(start + 0.99, start + 1.0, tuple(Line(old) for old in texts[max(0, place + 1 - shown) : place + 1]))
        )
    return cues


@given(st.lists(TEXT, max_size=12), st.integers(1, 3))
def test_every_line_comes_once_where_new_lines_have_times(texts: list[str], shown: int) -> None:
    assert [line.text for cue in unrolled(rolled(texts, shown, timed=True)) for line in cue.lines] == texts


@given(st.lists(TEXT, max_size=12, unique=True), st.integers(1, 3))
def test_every_line_comes_once_where_no_times_tell_new_lines(texts: list[str], shown: int) -> None:
    assert [line.text for cue in unrolled(rolled(texts, shown, timed=False)) for line in cue.lines] == texts


@given(st.lists(TEXT, max_size=12))
def test_captions_that_do_not_roll_stay_as_they_are(texts: list[str]) -> None:
    apart = [Cue(10.0 * place, 10.0 * place + 2, (Line(text),)) for place, text in enumerate(texts)]
    assert list(unrolled(apart)) == apart


def test_a_track_of_youtube() -> None:
    vtt = """WEBVTT
Kind: captions
Language: en

00:00:00.160 --> 00:00:02.230 align:start position:0%
 \nnow<00:00:00.400><c> we</c><00:00:00.560><c> add</c>

00:00:02.230 --> 00:00:02.240 align:start position:0%
now we add
 \n
00:00:02.240 --> 00:00:04.390 align:start position:0%
now we add
the<00:00:02.399><c> eggs</c>

00:00:04.390 --> 00:00:04.400 align:start position:0%
the eggs
 \n
"""
    found = list(unrolled(read_cues(vtt.encode(), "vtt")))
    assert [(cue.start, cue.end, [line.text for line in cue.lines]) for cue in found] == [
        (0.16, 2.23, ["now we add"]),
        (2.24, 4.39, ["the eggs"]),
    ]
