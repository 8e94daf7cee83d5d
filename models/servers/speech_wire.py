"""Writes requests and reads replies of OpenAI's transcriptions API (`POST /v1/audio/transcriptions`) as bytes.

A reply is hostile: only what a transcript needs is read, in bounded amounts, and nothing in it is believed. vLLM gives
segments without words and without the chance that nobody speaks; OpenAI gives words beside the segments, others in
them; some give a text alone, which is then one segment over the whole piece.
"""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from urllib3.filepost import encode_multipart_formdata

from models.chat import Reply, Request
from models.servers.failures import Fault
from models.servers.wire import Answered
from schemas.kit.utf8 import storable_text
from schemas.kit.wav import wav_seconds
from schemas.parts.heard import Heard, HeardSegment, HeardWord
from schemas.safe_text import clean_text

_MOST_SEGMENTS, _MOST_WORDS = 1000, 4000  # of one piece, in which nobody says so much
_LONGEST_TEXT, _LONGEST_WORD, _LONGEST_NAME = 10_000, 200, 40
_LATEST = 1e6  # seconds
_SLACK = 0.05  # seconds by which a word may begin before its segment


class SpeechWriter:
    """The requests of a speech recogniser, and its replies as `schemas.parts.heard.Heard`."""

    path = "audio/transcriptions"

    def __init__(self, model: str) -> None:
        """`model` is the name under which the server knows it."""
        self._boundary = secrets.token_hex(16)  # no sound holds it
        self._fields = [
            ("model", model),
            ("response_format", "verbose_json"),
            ("temperature", "0"),
            ("timestamp_granularities[]", "segment"),
            ("timestamp_granularities[]", "word"),
        ]

    @property
    def content_type(self) -> str:
        """The media type of the bodies."""
        return f"multipart/form-data; boundary={self._boundary}"

    def body(self, request: Request, _urls: Sequence[str] = ()) -> bytes:
        """The request as a form with a file."""
        fields: list[tuple[str, Any]] = [*self._fields]
        if request.text:
            fields.append(("language", request.text))
        fields.append(("file", ("piece.wav", request.sound or b"", "audio/wav")))
        body, _ = encode_multipart_formdata(fields, self._boundary)
        return body

    def read(self, body: bytes, _own_id: str, request: Request) -> Answered:
        """The reply: its text is a `Heard` as JSON. A body that is no transcription gives the fault `bad_response`."""
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            document = None
        heard = heard_in(document, wav_seconds(request.sound or b""))
        if heard is None:
            return Answered(None, Fault("bad_response", f"no transcription: {body[:200]!r}"))
        return Answered(Reply(heard.canonical(), "stop", 0, 0), None)


def heard_in(document: Any, seconds: float) -> Heard | None:
    """What a server's document (`verbose_json`) says of a piece of `seconds`; None for what is no transcription."""
    if not isinstance(document, Mapping):
        return None
    listed, text = document.get("segments"), document.get("text")
    if isinstance(listed, list):
        segments = [found for entry in listed[:_MOST_SEGMENTS] if (found := _segment(entry)) is not None]
    elif isinstance(text, str):
        said = _line(text, _LONGEST_TEXT)
        segments = [HeardSegment(start=0.0, end=seconds, text=said)] if said else []
    else:
        return None
    if not any(segment.words for segment in segments):
        segments = list(_with_words(segments, _words(document.get("words"))))
    language = document.get("language")
    name = _line(language, _LONGEST_NAME) if isinstance(language, str) else ""
    return Heard(language=name.lower() or None, segments=tuple(segments))


def _segment(entry: Any) -> HeardSegment | None:
    """A segment of a document; None without a text. A time that is none becomes 0: it then has no length."""
    text = _line(entry.get("text"), _LONGEST_TEXT) if isinstance(entry, Mapping) else ""
    if not text:
        return None
    start, end = _time(entry.get("start")), _time(entry.get("end"))
    whole = start is not None and end is not None
    chance = _number(entry.get("no_speech_prob"))
    return HeardSegment(
        start=start if whole and start is not None else 0.0,
        end=end if whole and end is not None else 0.0,
        text=text,
        words=tuple(_words(entry.get("words"))),
        mean_log_probability=_number(entry.get("avg_logprob")),
        no_speech=chance if chance is not None and 0 <= chance <= 1 else None,
    )


def _words(listed: Any) -> Iterator[HeardWord]:
    for entry in listed[:_MOST_WORDS] if isinstance(listed, list) else ():
        if not isinstance(entry, Mapping):
            continue
        start, end, text = _time(entry.get("start")), _time(entry.get("end")), _line(entry.get("word"), _LONGEST_WORD)
        if start is not None and end is not None and text:
            yield HeardWord(start=start, end=end, text=text)


def _with_words(segments: Iterable[HeardSegment], words: Iterator[HeardWord]) -> Iterator[HeardSegment]:
    """The segments with the words that a server lists beside them: each word is in the segment in which it begins.

    Words before the first segment are its words, and those after the last are the last one's.
    """
    known = list(segments)
    own: list[list[HeardWord]] = [[] for _ in known]
    place = 0
    for word in words if known else ():
        while place + 1 < len(known) and word.start >= known[place + 1].start - _SLACK:
            place += 1
        own[place].append(word)
    return (one.model_copy(update={"words": tuple(its)}) for one, its in zip(known, own, strict=True))


def _line(value: Any, longest: int) -> str:
    return clean_text(storable_text(value[:longest])) if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _time(value: Any) -> float | None:
    number = _number(value)
    return number if number is not None and abs(number) <= _LATEST else None
