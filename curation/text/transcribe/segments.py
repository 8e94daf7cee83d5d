"""Gathers the segments of a transcript: which are kept, which are dropped and why, and how many there may be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from schemas.configuration.text_config import TranscribeConfig
from schemas.kit.utf8 import REPLACEMENT
from schemas.parts.transcript import DroppedSegment, SpokenSegment, SpokenWord
from schemas.safe_text import plain
from schemas.time import Seconds

LONGEST = 1000  # characters of a segment; two lines on a screen have 84
UNANSWERED = "piece_unanswered"
AFTER_THE_END = "after_the_end"
_SHOWN = 100  # dropped segments that a record holds
_SHOWN_CHARACTERS = 200


class Segments:
    """The segments of one transcript, offered in order of time."""

    def __init__(self, config: TranscribeConfig, duration: float | None) -> None:
        """`duration` is that of the video in seconds, as its container states it."""
        self._config, self._duration = config, duration
        self._characters = 0
        self.kept: list[SpokenSegment] = []
        self.dropped: list[DroppedSegment] = []
        self.reasons: Counter[str] = Counter()

    def offer(
        self,
        start: float,
        end: float,
        text: str,
        words: Sequence[tuple[float, str]] = (),
        fault: str | None = None,
    ) -> None:
        """Keep a segment, or drop it for a fault that is known already, or for one that its times and text show.

        A segment that goes on after the end of the video ends there. `words` are begins (seconds) and texts; those
        outside of the segment's time are left out.
        """
        reason = fault or _fault(start, end, text, self._duration)
        config = self._config
        full = len(self.kept) >= config.max_segments or self._characters + len(text) > config.max_characters
        if reason is None and full:
            reason = "over_limit"
        if reason is not None:
            self.reasons[reason] += 1
            # Pieces without an answer are few, and another try may mend them: none is left out.
            if len(self.dropped) < _SHOWN or reason == UNANSWERED:
                shown = plain(text, _SHOWN_CHARACTERS)
                self.dropped.append(DroppedSegment(start=Seconds(start), end=Seconds(end), text=shown, reason=reason))
            return
        self._characters += len(text)
        last = end if self._duration is None else min(end, self._duration)
        timed = tuple(SpokenWord(start=Seconds(at), text=word) for at, word in words if start <= at <= last)
        self.kept.append(SpokenSegment(start=Seconds(start), end=Seconds(last), text=text, words=timed))

    @property
    def more_dropped(self) -> int:
        """How many were dropped besides those in `dropped`."""
        return self.reasons.total() - len(self.dropped)


def _fault(start: float, end: float, text: str, duration: float | None) -> str | None:
    """Why something is no segment of a transcript; None when it is one."""
    if end <= start:
        return "no_time"
    if duration is not None and start >= duration:
        return AFTER_THE_END
    if len(text) > LONGEST:
        return "too_long"
    if REPLACEMENT in text:
        return "broken_characters"
    return None if any(character.isalnum() for character in text) else "no_words"
