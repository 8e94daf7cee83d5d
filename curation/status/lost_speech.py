"""Transcripts that another try may mend: `v2xum retry` forgets them as it forgets rejections.

A transcript never costs its video anything, so a recogniser that was away, or sound whose decoding took too long,
leaves a finished result with a reason, or with pieces that are missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from pydantic import BaseModel

from curation.ledger.ledger import Ledger
from curation.ledger.stages import TRANSCRIBE
from curation.status.selection import Place
from schemas.errors import ErrorClass

# The class that a failure with this reason would have: a server comes back, a file stays as it is.
CLASSES: dict[str, ErrorClass] = {
    "subtitles_missed": "transient",
    "sound_missed": "transient",
    "not_recognised": "transient",
    "piece_unanswered": "transient",
    "unreadable_sound": "permanent",
    "unreadable_subtitles": "permanent",
}
_AT_ONCE = 500


class _Part(BaseModel):
    """A segment of which no more is read."""

    reason: str | None = None


class _Stored(BaseModel):
    """The few fields of a transcript that are counted: words and times are the most of it, and are passed over."""

    source: str | None = None
    reason: str | None = None
    segments: tuple[_Part, ...] = ()
    dropped: tuple[_Part, ...] = ()


class Speech(NamedTuple):
    """What is counted of a transcript: its source, or the reason why there is none; and the reason of a gap or loss."""

    kind: str
    lost: str | None


def speech_of(payload: str) -> Speech:
    """Read a stored transcript; `lost` is a reason in `CLASSES`, None where another try would give no more."""
    made = _Stored.model_validate_json(payload)
    kind = (made.source if made.segments else made.reason) or ""
    reasons = (made.reason, *(one.reason for one in made.dropped))
    return Speech(kind, next((reason for reason in reasons if reason in CLASSES), None))


def forget_speech(ledger: Ledger, place: Place) -> None:
    """Let the next run make a transcript again; a download that is made again for it is kept if no new one comes."""
    if place.reason in ("subtitles_missed", "sound_missed"):
        ledger.outdate(place.id, "download")
    else:
        ledger.forget(place.id, TRANSCRIBE)


def lost_speech(ledger: Ledger) -> Iterator[Place]:
    """The current transcripts that are less than a video's sound or subtitles might give, by video; one reason each."""
    ids = (source.id for source in ledger.sources())
    while chunk := list(islice(ids, _AT_ONCE)):
        yield from _among(ledger, chunk)


def _among(ledger: Ledger, ids: list[str]) -> Iterator[Place]:
    for video_id, stage, payload in sorted(ledger.payloads(ids, (TRANSCRIBE,))):
        if not any(f'"{reason}"' in payload for reason in CLASSES):
            continue
        if (reason := speech_of(payload).lost) is not None:
            yield Place(video_id, "sample", stage, reason, CLASSES[reason])
