"""Decides from what was seen whether a published video is there, absent, or gone; and when it is looked for again.

What the publisher states (`removed`, `private`) counts at once. An absence that nobody states (`not_found`, a file that
is not there) may be a fault that passes: it must be seen twice, `refresh.confirm_days` apart. Errors of the network
and refusals of a host say nothing about a video, and are no answers at all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from curation.ledger.refresh.rechecks import Outcome, Recheck
from curation.ledger.sources import address_digest
from curation.store.files import hash_file
from schemas.configuration.refresh_config import RefreshConfig
from schemas.errors import PermanentError, PoisonError, RefusedError, TransientError
from schemas.records import Publication, Source

DAY = 86_400.0
# What a publisher or a site says of this very video.
STATED = frozenset({"removed", "private", "account_terminated"})
# The video is not given to us now: perhaps it is gone, perhaps it is not given here, or not without a key.
ABSENT = frozenset(
    {"not_found", "unavailable", "geo_blocked", "login_required", "members_only", "age_restricted", "drm"}
)
Sighting = Literal["available", "absent", "gone", "licence", "unclear"]


class Seen(NamedTuple):
    """What one look at a video showed; `reason` is a slug, `detail` what was said."""

    outcome: Sighting
    reason: str | None = None
    detail: str | None = None


AVAILABLE = Seen("available")


class Target(NamedTuple):
    """A published video: its source, the digest that the source had when it was fetched, and the file's facts.

    `digest` is empty where it is not known; `content` is the SHA-256 of the file, `bytes` its size, `licence` what the
    publisher stated when it was fetched.
    """

    source: Source
    digest: str
    content: str
    bytes: int
    licence: str | None


def seen_published(target: Target, now: Publication) -> Seen:
    """What it means that the publisher says `now` of a video.

    A licence that is not stated any more is no change: sites leave it out now and then.
    """
    before, after = _folded(target.licence), _folded(now.licence)
    if before and after and before != after:
        return Seen("licence", "licence_changed", f"{target.licence} -> {now.licence}")
    return AVAILABLE


def seen_error(error: PermanentError | RefusedError | PoisonError) -> Seen:
    """What an error that stays means. A page that cannot be read says nothing about the video behind it."""
    if isinstance(error, PermanentError) and error.reason in STATED:
        return Seen("gone", error.reason, error.evidence)
    if isinstance(error, PermanentError) and error.reason in ABSENT:
        return Seen("absent", error.reason, error.evidence)
    return Seen("unclear", error.reason, error.evidence)


def seen_file(target: Target) -> Seen:
    """Look at a local file. One of another size or content is gone: it is not what was published.

    A file with the size and the time that the ledger noted is not read. Raises TransientError for one that this user
    cannot read.
    """
    path = Path(target.source.uri)
    try:
        if not path.is_file():
            return Seen("absent", "file_missing")
        if path.stat().st_size != target.bytes:
            return Seen("gone", "file_changed", f"{path.stat().st_size} bytes instead of {target.bytes}")
        if address_digest(target.source) == target.digest or hash_file(path)[0] == target.content:
            return AVAILABLE
    except OSError as error:
        raise TransientError("unreadable_file", error.strerror or type(error).__name__) from error
    return Seen("gone", "file_changed", "other bytes than those that were published")


def is_due(known: Recheck | None, content: str, config: RefreshConfig, now: float) -> bool:
    """Whether a video is to be looked for at the unix time `now`. Pure.

    It is due when it was never looked for, or under other bytes; else `recheck_days` after the last answer, or
    `confirm_days` while an absence is not confirmed. A time of the future is a fault of the clock: it is due.
    """
    if known is None or known.content != content:
        return True
    days = config.confirm_days if known.outcome == "absent" else config.recheck_days
    return not 0 <= now - known.checked_at < days * DAY


def decide(
    video_id: str, content: str, known: Recheck | None, seen: Seen, config: RefreshConfig, now: float
) -> Recheck:
    """The answer to store after a look at the unix time `now`; `known` is the one before. Pure."""
    before = known if known is not None and known.content == content else None
    if seen.outcome == "available":
        return Recheck(video_id, content, "available", None, None, now)
    if seen.outcome == "unclear":
        if before is not None:  # what was known still holds
            return before._replace(checked_at=now)
        return Recheck(video_id, content, "unclear", seen.reason, seen.detail, now)
    if seen.outcome in ("gone", "licence"):
        outcome: Outcome = seen.outcome
        since = before.gone_at if before is not None and before.outcome == outcome else None
        return Recheck(video_id, content, outcome, seen.reason, seen.detail, now, None, now if since is None else since)
    if before is not None and before.gone_at is not None:
        return before._replace(checked_at=now)  # what was stated, or confirmed, is more than an absence
    first = before.first_at if before is not None and before.first_at is not None else now
    confirmed = before is not None and before.first_at is not None and now - first >= config.confirm_days * DAY
    return Recheck(
        video_id, content, "gone" if confirmed else "absent", seen.reason, seen.detail, now, first,
        now if confirmed else None,
    )  # fmt: skip


def _folded(licence: str | None) -> str:
    return " ".join((licence or "").split()).casefold()
