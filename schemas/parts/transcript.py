"""The record of what is said in a video."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.parts.record import Record
from schemas.time import Seconds


class SpokenWord(Record):
    """A word, or a few, of a transcript, and when it begins."""

    start: Seconds
    text: str


class SpokenSegment(Record):
    """What is said from `start` to `end`, as one line; `words` where the times of words are known."""

    start: Seconds
    end: Seconds
    text: str = Field(min_length=1)
    words: tuple[SpokenWord, ...] = ()


class DroppedSegment(Record):
    """A segment that is no part of a transcript, and why; `text` is cut."""

    start: Seconds
    end: Seconds
    text: str
    reason: str


class Transcript(Record):
    """What is said in a video, by segments in order of time; every text is data of somebody else.

    `source` is where it comes from: subtitles that people wrote (`manual`) or that a machine made (`automatic`), or the
    sound itself, by speech recognition (`recognised`); `language` is stated by it. Without segments both may be None,
    and `reason` says why there are none. `dropped` are the first segments that were left out, `more_dropped` counts the
    others; a piece of sound that got no answer is one of them, without a text. `notes` tell of tracks without use.
    `recogniser` is the model that was asked, and `revision` says which weights it has; None where none was asked.
    """

    source: Literal["manual", "automatic", "recognised"] | None = None
    recogniser: str | None = Field(default=None, exclude_if=lambda value: value is None)
    revision: str | None = Field(default=None, exclude_if=lambda value: value is None)
    language: str | None = None
    segments: tuple[SpokenSegment, ...] = ()
    dropped: tuple[DroppedSegment, ...] = ()
    more_dropped: int = 0
    notes: tuple[str, ...] = ()
    reason: str | None = None
