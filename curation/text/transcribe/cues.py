"""Reads subtitle files into cues: WebVTT, SubRip (SRT) and YouTube's json3.

A file is what anybody may have written. So only what a transcript needs is read: a line with two times, and the lines
below it up to an empty one. Settings, styles, notes and positions are passed over, markup is taken out, and nothing is
rendered. The work is linear in the size of the file.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from curation.text.transcribe.encodings import text_of
from schemas.safe_text import clean_text

LARGEST = 8_000_000  # bytes of a file; json3 of ten hours of speech has about 5
_MOST_LINES = 40  # of one cue; no screen shows more
_LONGEST_LINE = 4000  # characters of a line of a file
_LATEST = 1e6  # seconds

_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{1,2})[.,](\d{1,3})"
_TIMES = re.compile(rf"\s{{0,20}}{_TIME}\s{{0,20}}-->\s{{0,20}}{_TIME}(?!\d)", re.ASCII)
_INSIDE = re.compile(rf"<{_TIME}>", re.ASCII)
_NUMBER = re.compile(r"\d{1,9}", re.ASCII)
_MARKUP = re.compile(r"</?(?:[A-Za-z][^<>]{0,300}|[\d:.]{1,20})?>|\{\\[^{}]{0,300}\}", re.ASCII)


class Unreadable(ValueError):
    """A file is no subtitles of a form that is read; the message says why."""


class Word(NamedTuple):
    """A part of a line, and when it begins, in seconds."""

    start: float
    text: str


class Line(NamedTuple):
    """A line of a cue as one line of plain text; `words` where the file has the times of its words."""

    text: str
    words: tuple[Word, ...] = ()


class Cue(NamedTuple):
    """What is shown from `start` to `end` (seconds, as the file has them), without empty lines."""

    start: float
    end: float
    lines: tuple[Line, ...]


def read_cues(data: bytes, form: str, language: str | None = None) -> list[Cue]:
    """The cues of a file in the form `vtt`, `srt` or `json3`, in its order.

    `language` is its tag, if it is known, by which old files are read (`encodings`). A byte that is no text becomes
    U+FFFD. Raises Unreadable for another form, a file that is too large, and one without a single cue.
    """
    if form not in FORMS:
        raise Unreadable(f"subtitles in the form {form[:20]!r} are not read, only {', '.join(FORMS)}")
    if len(data) > LARGEST:
        raise Unreadable(f"{len(data)} bytes, at most {LARGEST}")
    cues = list(FORMS[form](text_of(data, language)))
    if not cues:
        raise Unreadable(f"no cue in a file of {len(data)} bytes")
    return cues


def _timed_lines(text: str) -> Iterator[Cue]:
    """The cues of WebVTT and SubRip, which differ in what surrounds them and in the sign before milliseconds."""
    times: tuple[float, float] | None = None
    below: list[str] = []
    for line in [*text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), ""]:
        found = _TIMES.match(line[:_LONGEST_LINE]) if "-->" in line else None
        if times is not None and (found or not line):
            if found and below and _NUMBER.fullmatch(below[-1].strip()):
                below.pop()  # the number of the next cue, where no empty line is before it
            yield Cue(*times, tuple(_lines(times[0], below)))
            times = None
        if found:
            parts = found.groups()
            times, below = (_seconds(*parts[:4]), _seconds(*parts[4:])), []
        elif times is not None and len(below) < _MOST_LINES:
            below.append(line[:_LONGEST_LINE])


def _lines(start: float, below: Iterable[str]) -> Iterator[Line]:
    for raw in below:
        parts = _INSIDE.split(raw)  # text, then four groups of a time and text, again and again
        text = _plain("".join(parts[::5]))
        words = [Word(start, _plain(parts[0]))]
        words += [Word(_seconds(*parts[i : i + 4]), _plain(parts[i + 4])) for i in range(1, len(parts), 5)]
        if text:
            yield Line(text, tuple(word for word in words if word.text) if len(parts) > 1 else ())


def _json3(text: str) -> Iterator[Cue]:
    """The cues of YouTube's json3: events with segments, times in milliseconds. It repeats no line."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"no JSON: {type(error).__name__}") from error
    events = value.get("events") if isinstance(value, Mapping) else None
    for event in events if isinstance(events, list) else ():
        parts = event.get("segs") if isinstance(event, Mapping) else None
        start, length = (
            (_milliseconds(event.get(key)) for key in ("tStartMs", "dDurationMs")) if parts else (None, None)
        )
        if not isinstance(parts, list) or start is None or length is None:
            continue
        words, raw, timed = [], "", False
        for part in parts:
            said = part.get("utf8") if isinstance(part, Mapping) else None
            offset = _milliseconds(part.get("tOffsetMs", 0)) if isinstance(said, str) else None
            if not isinstance(said, str) or offset is None or len(raw) > _LONGEST_LINE:
                continue
            raw, timed = raw + said[:_LONGEST_LINE], timed or "tOffsetMs" in part
            words.append(Word(round(start + offset, 3), clean_text(said[:_LONGEST_LINE])))
        if said := clean_text(raw):
            kept = tuple(word for word in words if word.text) if timed else ()
            yield Cue(start, round(start + length, 3), (Line(said, kept),))


FORMS: Mapping[str, Callable[[str], Iterator[Cue]]] = {"vtt": _timed_lines, "srt": _timed_lines, "json3": _json3}


def _seconds(hours: str | None, minutes: str, seconds: str, fraction: str) -> float:
    whole = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
    return round(whole + int(fraction.ljust(3, "0")) / 1000, 3)


def _milliseconds(value: Any) -> float | None:
    """Milliseconds as seconds; None for what is no time."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LATEST * 1000:
        return None
    return round(value / 1000, 3)


def _plain(raw: str) -> str:
    """A line without markup, as one line. A character reference is resolved once, after the markup is gone."""
    return clean_text(html.unescape(_MARKUP.sub("", raw)))
