"""The record of what a language model corrected in a transcript."""

from __future__ import annotations

from schemas.parts.makers import Effort, Maker
from schemas.parts.record import Record
from schemas.parts.transcript import SpokenSegment, Transcript


class Correction(Record):
    """The text of a segment (its place, from 0) before and after a model corrected it."""

    segment: int
    before: str
    after: str


class RefusedCorrection(Record):
    """What a model would have made of a segment (its place, from 0), cut, and why a part of it was left out."""

    segment: int
    proposed: str
    reason: str


class Denoised(Record):
    """The corrections of a transcript; all segments that they do not name are as they were.

    `maker` is None where no model was asked: nothing is said, or people wrote the subtitles. `refused` are the first
    corrections that were not made, or in part, `more_refused` counts the others. `unanswered` segments got no usable
    reply.
    """

    maker: Maker | None = None
    changes: tuple[Correction, ...] = ()
    refused: tuple[RefusedCorrection, ...] = ()
    more_refused: int = 0
    unanswered: int = 0
    effort: Effort = Effort()

    def applied(self, transcript: Transcript) -> Transcript:
        """The transcript with the corrections; it must be the one that they were made for.

        A segment keeps its words with times where only case, punctuation and spaces changed. Raises ValueError for
        another transcript.
        """
        segments = list(transcript.segments)
        for change in self.changes:
            if not 0 <= change.segment < len(segments) or segments[change.segment].text != change.before:
                raise ValueError(f"correction of segment {change.segment} belongs to another transcript")
            segments[change.segment] = _corrected(segments[change.segment], change.after)
        return transcript.model_copy(update={"segments": tuple(segments)})


def letters(text: str) -> str:
    """The letters and digits of a text alone, without case."""
    return "".join(filter(str.isalnum, text.casefold()))


def _corrected(segment: SpokenSegment, text: str) -> SpokenSegment:
    words = segment.words if letters(segment.text) == letters(text) else ()
    return segment.model_copy(update={"text": text, "words": words})
