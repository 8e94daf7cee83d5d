"""Reading subtitle files: the forms, their markup, and files that are none."""

from __future__ import annotations

import contextlib
import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.text.transcribe.cues import LARGEST, Cue, Line, Unreadable, Word, read_cues

WORDS = st.text("abcdefgh", min_size=1, max_size=6)
TEXT = st.lists(WORDS, min_size=1, max_size=5).map(" ".join)
CUES = st.lists(
    st.tuples(st.integers(0, 10**6), st.integers(1, 10**4), st.lists(TEXT, min_size=1, max_size=3)), min_size=1
)


def clock(milliseconds: int, mark: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{mark}{rest:03d}"


def wanted(cues: list[tuple[int, int, list[str]]]) -> list[Cue]:
    return [Cue(a / 1000, (a + n) / 1000, tuple(Line(text) for text in lines)) for a, n, lines in cues]


@given(CUES, st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
def test_webvtt_and_subrip_hold_what_was_written(
    cues: list[tuple[int, int, list[str]]], end: str, numbered: bool
) -> None:
    for form, mark, head in (("vtt", ".", ["WEBVTT - a title", "Kind: captions", ""]), ("srt", ",", [])):
        lines = list(head)
        for number, (start, length, texts) in enumerate(cues, 1):
            lines += [str(number)] if numbered or form == "srt" else []
            lines += [f"{clock(start, mark)} --> {clock(start + length, mark)}", *texts, ""]
        assert read_cues(end.join(lines).encode(), form) == wanted(cues)


@given(CUES)
def test_json3_holds_what_was_written(cues: list[tuple[int, int, list[str]]]) -> None:
    events = [{"tStartMs": a, "dDurationMs": n, "segs": [{"utf8": " ".join(texts)}]} for a, n, texts in cues]
    found = read_cues(json.dumps({"wireMagic": "pb3", "events": [{"tStartMs": 0}, *events]}).encode(), "json3")
    assert found == [Cue(a / 1000, (a + n) / 1000, (Line(" ".join(texts)),)) for a, n, texts in cues]


def test_words_have_their_times() -> None:
    vtt = b"WEBVTT\n\n00:01.000 --> 00:03.000\nhello<00:00:01.500><c> big</c><00:00:02.250><c> world</c>\n"
    words = (Word(1.0, "hello"), Word(1.5, "big"), Word(2.25, "world"))
    assert read_cues(vtt, "vtt") == [Cue(1.0, 3.0, (Line("hello big world", words),))]
    event = {"tStartMs": 1000, "dDurationMs": 2000, "segs": [{"utf8": "hello"}, {"utf8": " big", "tOffsetMs": 500}]}
    assert read_cues(json.dumps({"events": [event]}).encode(), "json3") == [
        Cue(1.0, 3.0, (Line("hello big", words[:2]),))
    ]


def test_markup_is_taken_out_and_a_reference_is_resolved_once() -> None:
    lines = [
        r"{\an8}<i>One</i> <font color='red'>two</font>",
        "&lt;b&gt;three&lt;/b&gt; &amp;amp;",
        "4 < 5 and 6 > 5",
        "<>",
    ]
    text = "1\n00:00:01,000 --> 00:00:02,000\n" + "\n".join(lines)
    (cue,) = read_cues(text.encode(), "srt")
    assert [line.text for line in cue.lines] == ["One two", "<b>three</b> &amp;", "4 < 5 and 6 > 5"]


def test_what_stands_around_cues_is_passed_over() -> None:
    vtt = "WEBVTT\n\nSTYLE\n::cue { color: red }\n\nNOTE 00:00 --> nothing\n\nid\n00:01.000 --> 00:02.000 line:0%\nA\n"
    assert read_cues(vtt.encode(), "vtt") == [Cue(1.0, 2.0, (Line("A"),))]
    squeezed = "1\n00:00:01,000 --> 00:00:02,000\nA\n2\n00:00:03,000 --> 00:00:04,000\nB"
    assert [cue.lines[0].text for cue in read_cues(squeezed.encode(), "srt")] == ["A", "B"]


def test_other_encodings() -> None:
    text = "1\n00:00:01,000 --> 00:00:02,000\nÄpfel 日本\n"
    for data in (text.encode("utf-8-sig"), text.encode("utf-16")):
        assert read_cues(data, "srt")[0].lines[0].text == "Äpfel 日本"
    assert "\ufffd" in read_cues(text.encode().replace("Ä".encode(), b"\xc4"), "srt")[0].lines[0].text


@settings(max_examples=50)
@given(st.binary(max_size=2000))
def test_bytes_of_any_kind_are_a_text_or_an_error(data: bytes) -> None:
    with contextlib.suppress(Unreadable):
        read_cues(b"00:00:01,000 --> 00:00:02,000\n" + data, "srt")


@pytest.mark.parametrize(
    ("data", "form"),
    [
        (b"", "vtt"),
        (b"WEBVTT\n", "vtt"),
        (b"<html>--></html>", "srt"),
        (b"{", "json3"),
        (b"[1]", "json3"),
        (b'{"events": 3}', "json3"),
        (b"[" * 100_000, "json3"),
        (b'{"events": [{"segs": [{"utf8": "x"}], "tStartMs": -1, "dDurationMs": 1e999}]}', "json3"),
        (b"x" * (LARGEST + 1), "vtt"),
        (b"<tt/>", "ttml"),
    ],
)
def test_what_is_no_subtitles_is_refused(data: bytes, form: str) -> None:
    with pytest.raises(Unreadable):
        read_cues(data, form)


@pytest.mark.parametrize(
    "part", ["<", "<00:00:", "00:00:00.000 --> ", "{\\an", "&lt;", "-->\n", "[1,", "<00:00:01.000>"]
)
def test_hostile_repetition_costs_linear_time(part: str) -> None:
    data = ("00:00:01.000 --> 00:00:02.000\n" + part * (1_000_000 // len(part))).encode()
    began = time.process_time()
    read_cues(data, "vtt")
    assert time.process_time() - began < 5
