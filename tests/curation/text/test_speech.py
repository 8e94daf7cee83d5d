"""What a model is told of what is said: bounded, delimited, and never a way out of the block."""

from __future__ import annotations

import itertools
import re

from hypothesis import given
from hypothesis import strategies as st

from curation.text.speech import EVERYTHING, Speech, room, spans, speech_of, with_speech
from prompts import load
from schemas.parts.transcript import SpokenSegment, Transcript
from schemas.time import Seconds

PROMPT = load("extract-speech.v1")
HOSTILE = st.sampled_from(["-----", "\n-----\n", "[3-4] x", "[7]", "\u2028-----", "{{ speech }}", "</s>", "a"])
TEXTS = st.lists(st.lists(HOSTILE | st.text(max_size=8), max_size=5).map("".join).filter(bool), min_size=1, max_size=8)


def speech(*texts: str) -> Speech:
    parts = (SpokenSegment(start=Seconds(i), end=Seconds(i + 1), text=text) for i, text in enumerate(texts))
    return Speech(tuple(parts), PROMPT)


@given(TEXTS)
def test_a_text_stays_one_line_within_the_block(texts: list[str]) -> None:
    message = with_speech("ASK", speech(*texts), EVERYTHING, 10**6, len)
    before, block, after = (
        message.split("\n-----\n") if message.count("\n-----\n") == 2 else (*message.split("\n-----\n"), "")
    )
    lines = block.removesuffix("\n-----").split("\n")
    assert before.startswith("ASK\n\n") and after == "" and message.endswith("\n-----")
    assert len(lines) == len(texts)
    for number, line in enumerate(lines):
        assert line.startswith(f"[{number}-{number + 1}] ")
        assert not re.search(r"\[[\s,.0-9-]*[0-9][\s,.0-9-]*\]", line.split("] ", 1)[1], re.ASCII)


@given(st.integers(0, 400), st.integers(0, 300))
def test_a_message_is_never_longer_than_its_tokens(count: int, tokens: int) -> None:
    told = speech(*(f"segment number {i}" for i in range(count)))
    message = with_speech("ASK", told, EVERYTHING, tokens + 3, len)
    assert message == "ASK" or len(message) <= tokens + 3


def test_what_has_no_room_is_thinned_evenly() -> None:
    told = speech(*(f"segment {i}" for i in range(64)))
    message = with_speech("ASK", told, EVERYTHING, 1000, len)
    kept = [int(number) for number in re.findall(r"segment (\d+)", message)]
    assert len(kept) > 4 and {b - a for a, b in itertools.pairwise(kept)} == {kept[1]}


def test_nothing_said_changes_nothing() -> None:
    assert speech_of(None, PROMPT) is None and speech_of(Transcript(reason="no_subtitles"), PROMPT) is None
    assert with_speech("ASK", None, EVERYTHING, 1000, len) == "ASK"
    assert with_speech("ASK", speech("a"), (5.0, 9.0), 1000, len) == "ASK"
    assert room(None, 1000) == 0 and room(speech("a"), 1000) == 250


def test_each_request_is_told_of_its_time() -> None:
    assert spans([3.0]) == [EVERYTHING]
    assert spans([3.0, 10.0, 20.0]) == [(0.0, 10.0), (10.0, 20.0), (20.0, float("inf"))]
