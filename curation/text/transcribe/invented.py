"""Signs that a recogniser invented a segment: text where nobody speaks, loops, and times outside of the sound.

The thresholds are those of Whisper (Radford et al., Robust Speech Recognition via Large-Scale Weak Supervision, 2022,
section 4.5, and its program openai/whisper, `transcribe.py`): a chance of no speech above 0.6 with a mean logarithm of
the tokens' probabilities of at most -1.0 is silence; a text that zlib makes 2.4 times as short repeats itself. A value
that a server does not give is no sign: vLLM gives no chance of no speech.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Sequence
from itertools import groupby

from schemas.parts.heard import Heard, HeardSegment

NO_SPEECH, LOG_PROBABILITY, COMPRESSION = 0.6, -1.0, 2.4
_ALIKE = 3  # so many equal segments in a row are one, and what a recogniser made of noise
_SLACK = 0.5  # seconds by which a time may be outside of its piece
_WORD = re.compile(r"\w+")


def compression_ratio(text: str) -> float:
    """The bytes of a text by those that zlib makes of it, as Whisper computes it; 0 for no text."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def signs(heard: Heard, seconds: float) -> list[str | None]:
    """For each segment of a piece of `seconds` the sign that it is invented; None without one.

    `no_speech`, `repetitive` (the text repeats itself, or repeats another one in a piece that repeats itself) or
    `outside_piece` (it, or most of its words, would be said before or after the piece).
    """
    looped = compression_ratio(" ".join(segment.text for segment in heard.segments)) > COMPRESSION
    seen: set[str] = set()
    found: list[str | None] = []
    for segment in heard.segments:
        again = looped and normal(segment.text) in seen
        seen.add(normal(segment.text))
        if _outside(segment, seconds):
            found.append("outside_piece")
        elif _is_silence(segment):
            found.append("no_speech")
        else:
            found.append("repetitive" if again or compression_ratio(segment.text) > COMPRESSION else None)
    return found


def repeated(texts: Sequence[str]) -> Iterator[bool]:
    """For each of several texts in a row whether it is one of three or more equal ones, and not the first of them."""
    for _, group in groupby(texts, key=normal):
        alike = [*group]
        yield False
        yield from (len(alike) >= _ALIKE for _ in alike[1:])


def normal(text: str) -> str:
    """A text by its words alone, in lower case."""
    return " ".join(_WORD.findall(text.casefold()))


def _is_silence(segment: HeardSegment) -> bool:
    if segment.no_speech is None or segment.no_speech <= NO_SPEECH:
        return False
    return segment.mean_log_probability is None or segment.mean_log_probability <= LOG_PROBABILITY


def _outside(segment: HeardSegment, seconds: float) -> bool:
    def out(time: float) -> bool:
        return not -_SLACK <= time < seconds + _SLACK

    return out(segment.start) or 2 * sum(out(word.start) for word in segment.words) > len(segment.words)
