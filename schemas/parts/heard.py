"""The records of what a speech recogniser heard in a piece of sound, as every engine gives it."""

from __future__ import annotations

from schemas.parts.record import Record


class HeardWord(Record):
    """A word and when it was said, in seconds from the start of the piece."""

    start: float
    end: float
    text: str


class HeardSegment(Record):
    """What was heard from `start` to `end` (seconds from the start of the piece), as one line.

    `mean_log_probability` of its tokens (natural logarithm) and `no_speech`, the chance that nobody speaks (0..1), are
    None where the recogniser does not tell. Nothing is checked: times may lie anywhere, and a text may be invented.
    """

    start: float
    end: float
    text: str
    words: tuple[HeardWord, ...] = ()
    mean_log_probability: float | None = None
    no_speech: float | None = None


class Heard(Record):
    """All that was heard in a piece; `language` as the recogniser names it, None where it does not."""

    language: str | None = None
    segments: tuple[HeardSegment, ...] = ()
