"""Transcription requests as bytes, and what is read of a server's answer: bounded, and never believed."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from models.chat import Request
from models.servers.speech_wire import SpeechWriter, heard_in
from schemas.kit.wav import wav_of
from schemas.parts.heard import Heard, HeardWord

SECOND = wav_of(bytes(32_000))


def read(document: Any, request: Request = Request("", sound=SECOND)) -> Heard:  # noqa: B008 (immutable)
    reply, fault = SpeechWriter("m").read(json.dumps(document).encode(), "", request)
    assert fault is None and reply is not None and reply.finish == "stop"
    return Heard.model_validate_json(reply.text)


def segment(start: float, end: float, text: str, **more: Any) -> dict[str, Any]:
    return {"start": start, "end": end, "text": text, **more}


def test_vllms_answer_has_segments_without_words_and_without_the_chance_of_no_speech() -> None:
    found = read(
        {
            "duration": 1.0,
            "language": "en",
            "text": " A kite. It falls.",
            "segments": [
                segment(0.0, 0.4, " A kite.", avg_logprob=-0.25, no_speech_prob=None, tokens=[1]),
                segment(0.4, 1.0, " It falls.", avg_logprob=-0.5),
            ],
            "words": None,
        }
    )
    assert found.language == "en"
    assert [(s.start, s.end, s.text, s.words) for s in found.segments] == [
        (0.0, 0.4, "A kite.", ()),
        (0.4, 1.0, "It falls.", ()),
    ]
    assert [(s.mean_log_probability, s.no_speech) for s in found.segments] == [(-0.25, None), (-0.5, None)]


def test_words_beside_the_segments_go_to_the_segment_in_which_they_begin() -> None:
    words = [{"word": w, "start": a, "end": b} for w, a, b in (("A", 0.0, 0.1), ("kite.", 0.1, 0.4), ("It", 0.38, 0.5))]
    found = read(
        {"language": "English", "segments": [segment(0, 0.4, "A kite."), segment(0.4, 1, "It falls.")], "words": words}
    )
    assert found.language == "english"
    assert [[word.text for word in s.words] for s in found.segments] == [["A", "kite."], ["It"]]


def test_words_in_the_segments_are_theirs() -> None:
    own = [{"word": " A", "start": 0.0, "end": 0.2, "probability": 0.9}, {"word": "kite.", "start": "0.2", "end": 0.4}]
    found = read({"segments": [segment(0, 1, "A kite.", words=own, no_speech_prob=0.01)]})
    assert found.segments[0].words == (HeardWord(start=0.0, end=0.2, text="A"),), "a time that is no number is none"
    assert found.segments[0].no_speech == 0.01


def test_a_text_alone_is_one_segment_over_the_whole_piece() -> None:
    found = read({"text": "A kite."})
    assert [(s.start, s.end, s.text) for s in found.segments] == [(0.0, 1.0, "A kite.")]
    assert read({"text": " "}).segments == () and read({"segments": []}).segments == ()


def test_what_is_no_transcription_is_a_bad_response() -> None:
    for body in (b"", b"<html>", b"[]", b'"text"', b"{}", b'{"text": 3}', b"[" * 100_000, b"\xff"):
        reply, fault = SpeechWriter("m").read(body, "", Request("", sound=SECOND))
        assert reply is None and fault is not None and fault.kind == "bad_response" and len(fault.reason) < 1500


def test_hostile_numbers_and_texts_are_bounded() -> None:
    found = heard_in(
        {
            "language": "x" * 10_000,
            "segments": [
                segment(float("nan"), 1.0, "no start"),
                segment(0.0, 1e300, "no end"),
                segment(0, True, "no number"),
                segment(0, 10**400, "too large", avg_logprob=float("-inf"), no_speech_prob=7),
                segment(0, 1, "a\u202eb\x00c\nd" + "y" * 50_000),
                *[segment(0, 1, "more")] * 5000,
            ],
        },
        1.0,
    )
    assert found is not None and found.language is not None and len(found.language) <= 40
    assert len(found.segments) <= 1000 and max(len(s.text) for s in found.segments) <= 10_000
    assert all(s.start == s.end == 0 for s in found.segments[:4]), "a time that is none leaves no length"
    assert found.segments[3].mean_log_probability is None and found.segments[3].no_speech is None
    assert not set(found.segments[4].text) & set("\u202e\x00\n")
    Heard.model_validate_json(found.canonical())


KEYS = ("segments", "words", "text", "word", "start", "end", "language", "avg_logprob", "no_speech_prob")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=30,
)


@settings(max_examples=50)
@given(JSON)
def test_whatever_a_server_answers_is_read_or_refused(document: Any) -> None:
    found = heard_in(document, 1.0)
    if found is not None:
        assert Heard.model_validate_json(found.canonical()) == found


def test_the_sound_is_in_the_key_of_a_reply_and_nothing_else_changed_in_it() -> None:
    def key(request: Request) -> str:
        return request.key("m", "r", {})

    assert key(Request("en", sound=b"a")) != key(Request("en", sound=b"b")) != key(Request("de", sound=b"b"))
    before = {"text": "Hello.", "image": None, "schema": None, "max_tokens": 256, "variant": 0}
    before |= {"model": "m", "revision": "r", "sampling": {}}
    assert key(Request("Hello.")) == hashlib.sha256(json.dumps(before, sort_keys=True).encode()).hexdigest()
