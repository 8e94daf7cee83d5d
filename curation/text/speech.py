"""Tells a model what is said in a video: a block of lines after the captions, which is data and never an instruction.

The block stands between two lines of hyphens. Every line in it begins with its times, `[12-15] text`, and holds one
segment without line ends; so no text of a transcript can imitate the end of the block.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from curation.text.prompt_lines import inert, render
from prompts import Prompt
from schemas.parts.transcript import SpokenSegment, Transcript
from schemas.time import plain_seconds

SHARE = 0.25  # of the tokens that a request may have: so many are kept for speech, where there is any
_FENCE = "-----"
_SPAN = re.compile(r"\[([\s,.0-9-]*[0-9][\s,.0-9-]*)\]", re.ASCII)
Span = tuple[float, float]
EVERYTHING: Span = (0.0, float("inf"))


class Speech(NamedTuple):
    """What is said in a video, and the prompt that tells a model so."""

    segments: tuple[SpokenSegment, ...]
    prompt: Prompt

    @property
    def words(self) -> str:
        """All that is said, a segment on each line."""
        return "\n".join(segment.text for segment in self.segments)


def speech_of(transcript: Transcript | None, prompt: Prompt | None) -> Speech | None:
    """The speech of a transcript; None where nothing is said or nobody shall be told."""
    if transcript is None or prompt is None or not transcript.segments:
        return None
    return Speech(transcript.segments, prompt)


def room(speech: Speech | None, tokens: int) -> int:
    """How many of a request's tokens are kept for speech."""
    return int(tokens * SHARE) if speech is not None else 0


def spans(starts: Sequence[float]) -> list[Span]:
    """The time (seconds) that each of several requests is about, by the time at which its captions begin.

    A request is about the time up to the next one; the first begins with the video, the last ends with it.
    """
    return list(zip([0.0, *starts[1:]], [*starts[1:], float("inf")], strict=True))


def with_speech(text: str, speech: Speech | None, span: Span, tokens: int, count: Callable[[str], int]) -> str:
    """The user message `text` with what is said in a span of time after it, at most `tokens` long by `count`.

    Where not everything has room, every second segment is left out, again and again; then the message stays as it is.
    """
    said = _within(speech, span) if speech is not None else ()
    while speech is not None and said:
        whole = f"{text}\n\n{render(speech.prompt, speech=_block(said))}"
        if count(whole) <= tokens:
            return whole
        said = said[::2] if len(said) > 1 else ()
    return text


def _within(speech: Speech, span: Span) -> tuple[SpokenSegment, ...]:
    first, last = span
    return tuple(segment for segment in speech.segments if segment.end > first and segment.start < last)


def _block(segments: Sequence[SpokenSegment]) -> str:
    return "\n".join((_FENCE, *map(_line, segments), _FENCE))


def _line(segment: SpokenSegment) -> str:
    said = _SPAN.sub(r"(\1)", inert(segment.text))  # brackets in it that look like times become parentheses
    return f"[{plain_seconds(segment.start)}-{plain_seconds(segment.end)}] {said}"
