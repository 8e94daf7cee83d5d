"""What a row says of speech, for the comparison of two transcripts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curation.release.diff.values import list_of, value_of
from curation.status.lost_speech import CLASSES as LOST
from schemas.arrow import DENOISED, TRANSCRIPT


def segments_of(row: Mapping[str, Any]) -> list[Any]:
    """The segments of a row's transcript; none where it has no transcript."""
    return list_of(row.get(TRANSCRIPT), "segments")


def told_besides(transcript: Any) -> dict[str, Any]:
    """What a transcript says but for its segments; a key that older rows do not have counts as null."""
    return {key: value for key, value in (transcript or {}).items() if key != "segments" and value is not None}


def speech_lost(transcript: Any) -> str:
    """Why a transcript is missing or has gaps that another try may fill."""
    reasons = (value_of(transcript, "reason"), *(value_of(each, "reason") for each in list_of(transcript, "dropped")))
    return next((reason for reason in reasons if reason in LOST), "nothing lost")


def heard(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The segments before a model corrected them; `words` is None where it may have taken them."""
    segments = [dict(each) for each in segments_of(row)]
    for each in list_of(row.get(DENOISED), "changes"):
        segments[each["segment"]] |= {"text": each["before"], "words": None}
    return segments


def segments_differ(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether two segments differ, in their words only where both know them."""
    keys = first.keys() | second.keys()
    if first.get("words") is None or second.get("words") is None:
        keys -= {"words"}
    return any(first.get(key) != second.get(key) for key in keys)
