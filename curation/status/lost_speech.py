"""Transcripts that another try may mend: `v2xum retry` forgets them as it forgets rejections.

A transcript never costs its video anything, so a recogniser that was away, or sound whose decoding took too long,
leaves a finished result with a reason, or with pieces that are missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from curation.ledger.ledger import Ledger
from curation.ledger.stages import TRANSCRIBE
from curation.status.selection import Place
from schemas.errors import ErrorClass
from schemas.parts.transcript import Transcript

# The class that a failure with this reason would have: a server comes back, a file stays as it is.
CLASSES: dict[str, ErrorClass] = {
    "subtitles_missed": "transient",
    "not_recognised": "transient",
    "piece_unanswered": "transient",
    "unreadable_sound": "permanent",
    "unreadable_subtitles": "permanent",
}
_AT_ONCE = 500


def stage_to_forget(place: Place) -> str:
    """The stage whose result must be made again: subtitles come with the download."""
    return "download" if place.reason == "subtitles_missed" else TRANSCRIBE


def lost_speech(ledger: Ledger) -> Iterator[Place]:
    """The current transcripts that are less than a video's sound or subtitles might give, by video; one reason each."""
    ids = (source.id for source in ledger.sources())
    while chunk := list(islice(ids, _AT_ONCE)):
        yield from _among(ledger, chunk)


def _among(ledger: Ledger, ids: list[str]) -> Iterator[Place]:
    for video_id, stage, payload in sorted(ledger.payloads(ids, (TRANSCRIBE,))):
        if not any(f'"{reason}"' in payload for reason in CLASSES):
            continue
        made = Transcript.model_validate_json(payload)
        for reason in (made.reason, *(one.reason for one in made.dropped)):
            if reason in CLASSES:
                yield Place(video_id, "sample", stage, reason, CLASSES[reason])
                break
