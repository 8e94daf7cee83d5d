"""The meaning of failures: real answers of a player through the real YouTube extractor, HTTP and network errors."""

import errno
import socket
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace

import pytest
import yt_dlp
from hypothesis import given
from hypothesis import strategies as st
from yt_dlp.networking.exceptions import CertificateVerifyError, HTTPError, IncompleteRead, ProxyError, TransportError
from yt_dlp.utils import DownloadError, ExtractorError, UnsupportedError, YoutubeDLError

from curation.download.errors import classify
from curation.download.network import DebugLog
from schemas.errors import HostBlocked, PermanentError, RefusedError, StorageFull, TransientError

NOW = datetime(2026, 11, 20, tzinfo=UTC)
VIDEO = "aaaaaaaaaaa"


def player(status, reason=None, sub=None, **extra):
    details = {"videoId": VIDEO, "title": "T", "lengthSeconds": "120", "channelId": "UC" + "x" * 22, "author": "A"}
    answer = {"videoDetails": details, "playabilityStatus": {"status": status}, **extra}
    if reason:
        answer["playabilityStatus"]["reason"] = reason
    if sub:
        told = {"reason": {"simpleText": reason}, "subreason": {"simpleText": sub}}
        answer["playabilityStatus"]["errorScreen"] = {"playerErrorMessageRenderer": told}
    return answer


GONE = "Video unavailable"
COUNTRIES = {"microformat": {"playerMicroformatRenderer": {"availableCountries": ["US", "CA"]}}}
PLAYERS = {
    "private": (
        player("LOGIN_REQUIRED", "Private video", "Sign in if you've been granted access to this video"),
        "private",
    ),
    "removed": (player("ERROR", GONE, "This video has been removed by the uploader"), "removed"),
    "terms": (player("ERROR", GONE, "This video has been removed for violating YouTube's Terms of Service"), "removed"),
    "unavailable": (player("ERROR", GONE, "This video is unavailable"), "unavailable"),
    "terminated": (
        player(
            "ERROR",
            GONE,
            "This video is no longer available because the YouTube account associated with it has been terminated.",
        ),
        "account_terminated",
    ),
    "geo": (
        player("UNPLAYABLE", GONE, "The uploader has not made this video available in your country", **COUNTRIES),
        "geo_blocked",
    ),
    "copyright": (
        player(
            "UNPLAYABLE",
            GONE,
            "This video contains content from SME, who has blocked it in your country on copyright grounds",
        ),
        "geo_blocked",
    ),
    "age": (
        player("LOGIN_REQUIRED", "Sign in to confirm your age", "This video may be inappropriate for some users."),
        "age_restricted",
    ),
    "bot": (
        player("LOGIN_REQUIRED", "Sign in to confirm you’re not a bot", "This helps protect our community."),
        "bot_check",
    ),
    "members": (
        player(
            "UNPLAYABLE",
            "Join this channel to get access to members-only content like this video, and other exclusive perks.",
        ),
        "members_only",
    ),
    "rate": (player("ERROR", GONE, "This content isn't available, try again later."), "rate_limited"),
    "premiere": (player("LIVE_STREAM_OFFLINE", "Premieres in 2 hours"), "upcoming"),
    "soon": (player("LIVE_STREAM_OFFLINE", "This live event will begin in 3 hours."), "upcoming"),
    "nothing": (player("OK"), "no_formats"),
}
BLOCKING = {"bot_check", "rate_limited"}
TRANSIENT = {"upcoming", "no_formats"}


@pytest.mark.parametrize(("answer", "reason"), PLAYERS.values(), ids=list(PLAYERS))
def test_answers_of_the_player(answer, reason, monkeypatch):
    options = {"logger": DebugLog(), "cachedir": False, "extractor_retries": 0, "proxy": "http://127.0.0.1:1"}
    with yt_dlp.YoutubeDL(options, auto_init=False) as ydl:
        extractor = ydl.get_info_extractor("Youtube")
        for name in ("_download_webpage_with_retries", "_download_initial_webpage"):
            monkeypatch.setattr(extractor, name, lambda *a, **k: None, raising=False)
        monkeypatch.setattr(extractor, "_extract_player_responses", lambda *a, **k: ([answer], None))
        monkeypatch.setattr(extractor, "_download_initial_data", lambda *a, **k: {}, raising=False)
        with pytest.raises(YoutubeDLError) as caught:
            ydl.extract_info(f"https://www.youtube.com/watch?v={VIDEO}", download=False)
    failure = classify(caught.value)
    expected = HostBlocked if reason in BLOCKING else TransientError if reason in TRANSIENT else PermanentError
    assert (type(failure.error), failure.error.reason, failure.retry) == (expected, reason, False)
    assert "--cookies" not in failure.error.evidence
    assert failure.error.evidence


def http(status, headers=None, loop=False):
    response = SimpleNamespace(status=status, reason="R", headers=headers or {}, close=lambda: None)
    return HTTPError(response, redirect_loop=loop)


def wrapped(cause, message="Unable to download webpage: x"):
    """Wraps a network error as extractors and YoutubeDL do."""
    inner = ExtractorError(message, expected=True, cause=cause)
    return DownloadError(str(inner), (type(inner), inner, None))


@pytest.mark.parametrize(
    ("status", "kind", "reason", "retry"),
    [
        (404, PermanentError, "not_found", False),
        (410, PermanentError, "removed", False),
        (401, PermanentError, "login_required", False),
        (451, PermanentError, "geo_blocked", False),
        (418, PermanentError, "http_error", False),
        (403, TransientError, "forbidden", True),
        (408, TransientError, "timeout", True),
        (500, TransientError, "server_error", True),
        (503, TransientError, "server_error", True),
        (429, HostBlocked, "rate_limited", True),
    ],
)
def test_http_statuses(status, kind, reason, retry):
    failure = classify(wrapped(http(status, {"Retry-After": "7"})), now=NOW)
    assert (type(failure.error), failure.error.reason, failure.retry, failure.after) == (
        *(kind, reason, retry),
        None if kind is PermanentError else 7,
    )
    assert getattr(failure.error, "seconds", 7) == 7


def test_errors_that_downloaders_report_in_text_only():
    words = DownloadError("ERROR: [download] Got error: HTTP Error 503: Service Unavailable")
    assert classify(words, http=http(503, {"Retry-After": "9"}), now=NOW).after == 9
    missing = DownloadError("ERROR: [download] Got error: HTTP Error 404: Not Found. Giving up after 2 retries")
    assert classify(missing, http=http(404), of_media=True).error.reason == "media_not_found"
    assert classify(DownloadError("ERROR: 31 bytes read, 9 more expected")).error.reason == "network"


@pytest.mark.parametrize(
    ("cause", "kind", "reason"),
    [
        (TransportError(cause=TimeoutError("timed out")), TransientError, "timeout"),
        (TransportError("Read timed out. (read timeout=2)"), TransientError, "timeout"),
        (TransportError(cause=socket.gaierror(-2, "Name or service not known")), TransientError, "host_not_found"),
        (TransportError(cause=ConnectionResetError(104, "reset")), TransientError, "network"),
        (IncompleteRead(partial=3, expected=9), TransientError, "network"),
        (ProxyError("tunnel failed"), TransientError, "proxy"),
        (CertificateVerifyError("self-signed"), PermanentError, "bad_certificate"),
        (http(302, loop=True), PermanentError, "redirect_loop"),
    ],
)
def test_network_errors(cause, kind, reason):
    for error in (wrapped(cause), cause):
        found = classify(error).error
        assert (type(found), found.reason) == (kind, reason)


def test_unknown_errors_are_transient_with_a_reason():
    assert classify(DownloadError("ERROR: a new wording")).error.reason == "unknown"
    broken = classify(wrapped(KeyError("streamingData"), "An extractor error has occurred."))
    assert (type(broken.error), broken.error.reason) == (TransientError, "unknown")
    assert classify(TypeError("'NoneType' object is not iterable")).error.reason == "extractor_error"
    assert classify(UnsupportedError("https://h.example/")).error.reason == "unsupported"
    drm = classify(ExtractorError("This video is DRM protected", expected=True))
    assert (type(drm.error), drm.error.reason) == (PermanentError, "drm")


def test_stage_errors_inside_are_returned_as_they_are():
    refused = RefusedError("too_large", "9 MB")
    try:
        try:
            raise refused
        except RefusedError:
            raise DownloadError("ERROR: something")  # noqa: B904 - as a library does
    except DownloadError as error:
        assert classify(error).error is refused
    with pytest.raises(StorageFull):
        classify(DownloadError("ERROR: unable to write data: [Errno 28] No space left on device"))
    with pytest.raises(StorageFull):
        classify(wrapped(OSError(errno.ENOSPC, "No space left on device")))


def test_evidence_holds_no_signature_and_no_path():
    url = "https://cdn.example/v.mp4?token=SECRET&Signature=SECRET&id=3"
    error = DownloadError(f"ERROR: unable to open {url} for '/home/someone/store/partial/x.mp4'")
    evidence = classify(error).error.evidence
    assert "SECRET" not in evidence
    assert "/home/someone" not in evidence
    assert "id=3" in evidence


@pytest.mark.parametrize("text", ["100000", format_datetime(NOW + timedelta(days=30), usegmt=True)])
def test_a_wait_of_more_than_a_day_is_cut_to_a_day(text):
    assert classify(wrapped(http(503, {"Retry-After": text})), now=NOW).after == 86_400


@given(st.text(max_size=200))
def test_every_message_has_a_class_and_a_bounded_evidence(message):
    found = classify(DownloadError(f"ERROR: {message}")).error
    assert found.reason
    assert len(found.evidence) <= 1000
