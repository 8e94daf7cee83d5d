"""The rows of the ledger in memory: registered sources, results with and without their payload."""

from __future__ import annotations

import time
from typing import Literal, NamedTuple

from schemas.errors import ErrorClass
from schemas.records import Effort, Record, Rejection, Source, Video

Status = Literal["done", "rejected"]


class Head(NamedTuple):
    """The current result of one stage for one video, without its payload."""

    stage: str
    fingerprint: str
    status: Status
    digest: str
    error_class: ErrorClass | None
    reason: str | None


class Entry(NamedTuple):
    """A result with its payload and what it cost."""

    video_id: str
    head: Head
    payload: str
    attempts: int
    effort: Effort
    seconds: float
    made_at: float
    content: str | None = None


class Registered(NamedTuple):
    """A registered source; `position` is the order in which sources were first named."""

    position: int
    id: str
    digest: str
    payload: str

    def source(self) -> Source | None:
        """The source, or None when its list row was unusable."""
        return Source.model_validate_json(self.payload) if self.payload else None


def rejection_entry(rejection: Rejection, fingerprint: str, attempts: int, seconds: float) -> Entry:
    """A rejection as a ledger entry."""
    head = Head(rejection.stage, fingerprint, "rejected", rejection.digest(), rejection.error_class, rejection.reason)
    return Entry(rejection.id, head, rejection.canonical(), attempts, Effort(), seconds, time.time())


def record_entry(video_id: str, stage: str, fingerprint: str, record: Record, seconds: float) -> Entry:
    """A finished record as a ledger entry; the effort is the sum of the efforts in the record."""
    effort = getattr(record, "effort", None)
    if effort is None:
        effort = sum((caption.effort for caption in getattr(record, "captions", ())), Effort())
    head = Head(stage, fingerprint, "done", record.digest(), None, None)
    content = record.sha256 if isinstance(record, Video) else None
    return Entry(video_id, head, record.canonical(), 1, effort, seconds, time.time(), content)
