"""Records of people's verdicts on samples.

A verdict is never changed or deleted; a later verdict of the same person is stored beside it. No record holds an e-mail
address: `annotator` is a pseudonym that is stable within a workspace.
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
    """A verdict on a shown keyframe, with its caption as the annotator left it.

    `judged`: None when the annotator chose nothing; `changed`: whether the annotator changed the caption.
    """

    index: FrameIndex
    judged: Literal["ok", "wrong", "drop"] | None = None
    caption: str
    changed: bool = False


class AddedKeyframe(Record):
    """A keyframe that the annotator added: the sampled frame nearest to the marked time."""

    index: FrameIndex
    time: Seconds
    caption: str | None = None


class CorrectedLine(Record):
    """A line of the transcript that the annotator corrected.

    `index`: its place among the segments, from 0; `start`: its time in seconds; `before`: its text as it was shown;
    `after`: as the annotator left it.
    """

    index: int = Field(ge=0)
    start: Seconds
    before: str
    after: str = Field(min_length=1)


class Verdict(Record):
    """One person's annotation of one sample, as it was at `updated_at` (ISO 8601, UTC).

    - `content_sha256`: the hash of the shown content (curation/review/content_hash.py). The verdict holds for that
      content only.
    - `origin`: the server's id (never its address with secrets), project, task and annotation, by which a verdict is
      recognised when it is pulled again.
    - `decision`: None while the annotation is not finished, or when the person skipped the task.
    - `summary`: the summary's text as the annotator left it; None when it is unchanged.
    - `transcript`: the lines that the annotator corrected; none, and not in the canonical text, without any.
    - `seconds`: the time that the person spent, as Label Studio measured it.
    - `problems`: the parts of the annotation that were not understood.
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
    transcript: tuple[CorrectedLine, ...] = Field(default=(), exclude_if=lambda lines: not lines)
    seconds: float | None = None
    comment: str = ""
    problems: tuple[str, ...] = ()
