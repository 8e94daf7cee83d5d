"""Every reason for which a video, a row or a caption is set aside, with its meaning and what to do about it.

`v2xum explain` prints the way out, and docs/reference/reasons.md is made from these tables. A test compares them with
the reasons that the code gives.
"""

from __future__ import annotations

from schemas.meanings.reason import Place, Reason
from schemas.meanings.source_reasons import DOWNLOAD, FILTERS, SOURCES
from schemas.meanings.stage_reasons import CAPTIONS, CORRECTIONS, EXPORT, FRAMES, PEOPLE, TEXTS, TRANSCRIPTS

_OF_PARTS = (CAPTIONS, TRANSCRIPTS, CORRECTIONS)
PLACES: tuple[Place, ...] = (SOURCES, DOWNLOAD, FILTERS, FRAMES, TEXTS, PEOPLE, EXPORT, *_OF_PARTS)
_AT_THE_AUDIT = {reason.slug: reason for reason in PEOPLE.reasons}
_OF_VIDEOS = {reason.slug: reason for place in reversed(PLACES) if place not in _OF_PARTS for reason in place.reasons}


def described(slug: str, stage: str) -> Reason | None:
    """The description of a video's reason at a stage; None for a slug that is not known."""
    return (_AT_THE_AUDIT if stage == "audit" else {}).get(slug) or _OF_VIDEOS.get(slug)
