"""What people said of a sample. A verdict is never changed or deleted: a later one of the same person stands beside it.

Nothing here holds an e-mail address: `annotator` is a pseudonym that is stable within a workspace.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from schemas.records import Record, Sha256
from schemas.time import FrameIndex, Seconds

VERDICT_VERSION: Literal[1] = 1
Decision = Literal["accept", "fix", "reject"]
Stratum = Literal["random", "active", "gold", "adjudication"]
REASONS = ("hallucinated", "missed_event", "bad_timestamps", "bad_text", "unusable_video", "harmful")


class KeyframeVerdict(Record):
    """One keyframe that was shown: whether its caption is right, and the caption as the annotator left it."""

    index: FrameIndex
    judged: Literal["ok", "wrong", "drop"] | None = None
    caption: str
    changed: bool = False


class AddedKeyframe(Record):
    """A keyframe that the annotator missed: the sampled frame nearest to the time that was marked."""

    index: FrameIndex
    time: Seconds
    caption: str | None = None


class Verdict(Record):
    """One annotation of one person on one sample, as it was at `updated_at` (ISO 8601, UTC).

    `content_sha256` is the hash of what was shown (curation/review/content_hash.py): the verdict holds for that
    content and no other. `origin` names where it came from, so that it is known again when it is pulled twice: the
    server's id (never its address with secrets), project, task and annotation. `seconds`: the time that was spent, as
    Label Studio measured it. `summary`: the sentences' text as left, None when it was not touched. `problems`: what
    of the annotation could not be understood.
    """

    version: Literal[1] = VERDICT_VERSION
    sample_id: str
    content_sha256: Sha256
    annotator: str
    origin: str
    updated_at: str
    stratum: Stratum
    decision: Decision | None
    reasons: tuple[str, ...] = ()
    rating: int | None = Field(default=None, ge=1, le=5)
    keyframes: tuple[KeyframeVerdict, ...] = ()
    added: tuple[AddedKeyframe, ...] = ()
    summary: str | None = None
    seconds: float | None = None
    comment: str = ""
    problems: tuple[str, ...] = ()
