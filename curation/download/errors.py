"""Translates an error of yt-dlp into the project's error class, a reason slug, and whether to try again now.

Sites state most reasons in text only. So the texts are matched first, in the order below, and then HTTP statuses and
network errors. An unknown message is transient: sites change their texts, and broken extractors are repaired. A later
run then tries again, and the slug `unknown` shows how often that happens.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial

from yt_dlp.networking.exceptions import CertificateVerifyError, HTTPError, IncompleteRead, ProxyError, TransportError
from yt_dlp.utils import (
    ContentTooShortError,
    ExtractorError,
    GeoRestrictedError,
    UnsupportedError,
    UserNotLive,
    YoutubeDLError,
)

from curation.download.exchange import Failure
from schemas.errors import (
    HostBlocked,
    PermanentError,
    RunStopped,
    StageError,
    StorageFull,
    TransientError,
    is_storage_full,
)
from schemas.kit.retry_after import retry_after
from schemas.safe_text import public_text

_Kind = type[PermanentError] | type[TransientError] | type[HostBlocked]
_TEXTS: tuple[tuple[str, _Kind, str], ...] = (
    (r"not a bot|\bcaptcha\b|unusual traffic", HostBlocked, "bot_check"),
    (r"rate.?limit|too many requests|content isn.t available, try again later", HostBlocked, "rate_limited"),
    (r"\bDRM\b", PermanentError, "drm"),
    (r"confirm your age|age.?restricted|inappropriate for some users", PermanentError, "age_restricted"),
    (
        r"members.only|join this channel|channel.s members|premium members|requires payment|\brental\b",
        PermanentError,
        "members_only",
    ),
    (r"private video|(video|account|post) is private|set to private|granted access", PermanentError, "private"),
    (
        r"account[^.]*(terminated|closed|suspended|deactivated)|(terminated|suspended) account",
        PermanentError,
        "account_terminated",
    ),
    (r"(in|from) your (country|location|region)|geo.?(restrict|block)", PermanentError, "geo_blocked"),
    (
        r"premieres? (in|will)|live event will|will begin in|is upcoming|has not (yet )?(started|aired)",
        TransientError,
        "upcoming",
    ),
    (
        r"(has been|was) (removed|deleted)|no longer available|not exist|taken down|removed by|copyright claim",
        PermanentError,
        "removed",
    ),
    (
        r"no video formats found|requested format is not available|only images are available",
        TransientError,
        "no_formats",
    ),
    (r"log ?in|sign in|registered users|authenticat|password", PermanentError, "login_required"),
    (r"is not a valid url|unsupported url|no suitable (info)?extractor", PermanentError, "unsupported"),
    (
        r"(video|content|page|media)[^.]{0,20} (is )?(unavailable|isn.t available|not available|not found)",
        PermanentError,
        "unavailable",
    ),
)
_TYPES: tuple[tuple[type[Exception], Callable[[str], StageError]], ...] = (
    (GeoRestrictedError, partial(PermanentError, "geo_blocked")),
    (UnsupportedError, partial(PermanentError, "unsupported")),
    (UserNotLive, partial(TransientError, "not_live")),
)
_RULES = tuple((re.compile(pattern, re.IGNORECASE), kind, slug) for pattern, kind, slug in _TEXTS)
_STATUSES: dict[int, tuple[_Kind, str]] = {
    401: (PermanentError, "login_required"),
    402: (PermanentError, "members_only"),
    403: (TransientError, "forbidden"),
    404: (PermanentError, "not_found"),
    408: (TransientError, "timeout"),
    410: (PermanentError, "removed"),
    425: (TransientError, "server_error"),
    429: (HostBlocked, "rate_limited"),
    451: (PermanentError, "geo_blocked"),
}
_NOISE = re.compile(
    r"^(ERROR: *)+|; please report this issue on .*|Use --\S+.*|\(caused by .*|\x1b\[[0-9;]*m", re.DOTALL
)
_BROKEN = (TransportError, IncompleteRead, ContentTooShortError, OSError)
_LONGEST_WAIT = 86_400.0


def classify(
    error: BaseException, *, http: HTTPError | None = None, of_media: bool = False, now: datetime | None = None
) -> Failure:
    """The meaning of an exception that came out of yt-dlp; a StageError inside it is returned as it is.

    `http` is the last answer of a server that was an error; yt-dlp's downloaders put it into the text of their error
    only. `of_media` says that it came while media were fetched, whose metadata existed a moment before. `now` is the
    time that a Retry-After date is compared with.

    Raises StorageFull when the device is full, and a RunStopped that is inside the exception.
    """
    chain = list(_chain(error))
    if any(is_storage_full(link) for link in chain):
        raise StorageFull("no space left for the download") from error
    for link in chain:
        if isinstance(link, RunStopped):
            raise link
        if isinstance(link, StageError):
            return Failure(link, retry=False)
    evidence = _evidence(error)
    for kind, verdict in _TYPES:
        if any(isinstance(link, kind) for link in chain):
            return Failure(verdict(evidence), retry=False)
    extractor = next((link for link in chain if isinstance(link, ExtractorError)), None)
    # An extractor keeps a network error as its cause; without a cause, its text is what the site said.
    by_text = _by_text(evidence) if extractor is not None and extractor.cause is None else None
    answer = next((link for link in chain if isinstance(link, HTTPError)), None)
    if answer is None and http is not None and f"HTTP Error {http.status}" in evidence:
        answer = http
    if answer is not None and by_text is None:
        if of_media and answer.status in (404, 410):
            return Failure(TransientError("media_not_found", evidence), retry=True)
        return _http(answer, evidence, now or datetime.now(UTC))
    failure = by_text or _network(chain, evidence) or _by_text(evidence)
    if failure is not None:
        return failure
    broken = not isinstance(error, YoutubeDLError) or (extractor is not None and not extractor.expected)
    return Failure(TransientError("extractor_error" if broken else "unknown", evidence), retry=False)


def _by_text(evidence: str) -> Failure | None:
    for pattern, kind, slug in _RULES:
        if pattern.search(evidence):
            return Failure(kind(slug, evidence), retry=False)
    return None


def _http(http: HTTPError, evidence: str, now: datetime) -> Failure:
    after = retry_after(http.response.headers.get("Retry-After"), now.timestamp())
    if after is not None:
        after = min(after, _LONGEST_WAIT)
    if http.redirect_loop:
        return Failure(PermanentError("redirect_loop", evidence), retry=False)
    kind, slug = _STATUSES.get(
        http.status, (TransientError, "server_error") if http.status >= 500 else (PermanentError, "http_error")
    )
    for pattern, text_kind, text_slug in _RULES[:2]:
        if http.status != 429 and pattern.search(evidence):
            return Failure(text_kind(text_slug, evidence), retry=False)
    error = HostBlocked(slug, evidence, seconds=after or 0.0) if kind is HostBlocked else kind(slug, evidence)
    if kind is PermanentError:
        return Failure(error, retry=False)
    return Failure(error, retry=True, after=after)


def _network(chain: list[BaseException], evidence: str) -> Failure | None:
    if any(isinstance(link, CertificateVerifyError) for link in chain):
        return Failure(PermanentError("bad_certificate", evidence), retry=False)
    if any(isinstance(link, ProxyError) for link in chain):
        return Failure(TransientError("proxy", evidence), retry=True)
    if any(isinstance(link, TimeoutError) for link in chain) or re.search(r"timed? ?out", evidence, re.IGNORECASE):
        return Failure(TransientError("timeout", evidence), retry=True)
    if any(isinstance(link, socket.gaierror) for link in chain):
        return Failure(TransientError("host_not_found", evidence), retry=True)
    broken_off = re.search(r"more expected|content too short|Did not get any data", evidence)
    if broken_off or any(isinstance(link, _BROKEN) for link in chain):
        return Failure(TransientError("network", evidence), retry=True)
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and its causes: Python's own links, and those that yt-dlp, requests and urllib3 keep."""
    waiting, seen = [error], set[int]()
    while waiting:
        current = waiting.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        inner = getattr(current, "exc_info", None)
        links = [
            inner[1] if isinstance(inner, tuple) and len(inner) == 3 else None,
            getattr(current, "cause", None),
            getattr(current, "reason", None),
            current.__cause__,
            current.__context__,
            *current.args,
        ]
        waiting += [link for link in links if isinstance(link, BaseException)]


def _evidence(error: BaseException) -> str:
    """The error's message without yt-dlp's advice, colours, paths, and the secrets in addresses."""
    inner = getattr(error, "exc_info", None)
    text = str(error)
    if isinstance(inner, tuple) and isinstance(inner[1], ExtractorError):
        text = f"{inner[1].orig_msg} ({inner[1].cause})" if inner[1].cause else inner[1].orig_msg
    cleaned = " ".join(_NOISE.sub("", public_text(text)).split()) or type(error).__name__
    return cleaned[:1000]
