"""What can go wrong with a request at a server, what is done about it, and how long a retry waits."""

from __future__ import annotations

import email.utils
import json
import math
import random
import time
from typing import Literal, NamedTuple

import httpx2
import openai

from models.servers.transport import OversizedBody

Kind = Literal[
    "rate_limited",  # 429
    "server_error",  # 5xx
    "timeout",
    "connection",  # refused, lost, reset
    "bad_response",  # not what the API promises
    "misrouted",  # another request's reply
    "refused",  # 400 and the like: never answered
    "missing",  # 404: refused, or the model is not there any more
    "unauthorized",  # 401, 403
]
_BUSY = 503
_INFRASTRUCTURE = frozenset({502, 503, 504})
_LONGEST_BACKOFF = 60.0
_LONGEST_REASON = 500


class Fault(NamedTuple):
    """One thing that went wrong. `reason` is a plain line; `wait` what Retry-After asked for, in seconds."""

    kind: Kind
    reason: str
    status: int | None = None
    wait: float | None = None
    reached: bool = True

    @property
    def overload(self) -> bool:
        """Whether it says that the server has too much to do."""
        return self.kind in ("rate_limited", "timeout", "connection") or self.status == _BUSY

    @property
    def own(self) -> bool:
        """Whether it may be the request's own fault when every attempt ends so: an error inside the server."""
        return self.kind == "server_error" and self.status not in _INFRASTRUCTURE


def plain(text: str, secret: str = "") -> str:
    """Text from outside as one short line that may be logged: nothing unprintable, and not the API key."""
    if len(secret) >= 4:
        text = text.replace(secret, "***")
    shown = "".join(c if c.isprintable() else " " for c in text[: 4 * _LONGEST_REASON])
    return " ".join(shown.split())[:_LONGEST_REASON]


def fault_of(error: openai.OpenAIError, secret: str = "") -> Fault:
    """What an error of the SDK means."""
    if isinstance(error, openai.APIStatusError):
        return _status_fault(error.response, secret)
    cause = error.__cause__
    if isinstance(cause, OversizedBody | httpx2.DecodingError | httpx2.RemoteProtocolError):
        return Fault("bad_response", plain(str(cause), secret))
    if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout):
        return Fault("connection", plain(f"cannot connect: {cause}", secret), reached=False)
    if isinstance(error, openai.APITimeoutError):
        return Fault("timeout", plain(str(cause), secret))
    return Fault("connection", plain(f"connection lost: {cause or error}", secret))


def _status_fault(response: httpx2.Response, secret: str) -> Fault:
    status = response.status_code
    reason = plain(f"HTTP {status}: {_message(response)}", secret)
    wait = retry_after(response.headers.get("retry-after"), time.time())
    if status == 429:
        return Fault("rate_limited", reason, status, wait)
    if status >= 500:
        return Fault("server_error", reason, status, wait)
    if status in (401, 403):
        return Fault("unauthorized", reason, status)
    if status == 404:
        return Fault("missing", reason, status)
    if status in (408, 425):
        return Fault("timeout", reason, status, wait)
    return Fault("refused" if status >= 400 else "bad_response", reason, status)


def _message(response: httpx2.Response) -> str:
    """What the body says: the message of an OpenAI error, else its text."""
    try:
        document = json.loads(response.content)
        error = document.get("error", document)
        message = error.get("message") if isinstance(error, dict) else error
        if isinstance(message, str) and message:
            return message
    except (ValueError, RecursionError, AttributeError):
        pass
    return response.content[: 4 * _LONGEST_REASON].decode(errors="replace")


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds that a Retry-After header asks to wait: a number, or an HTTP date against `now` (Unix time).

    None when there is none or it makes no sense. RFC 9110, 10.2.3.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - now
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def pause_before(retry: int, backoff: float, wait: float | None, longest: float) -> float:
    """Seconds before the `retry`-th retry (from 1): `backoff` doubled each time with full jitter.

    Never less than the server asked for (`wait`), as far as `longest` allows; those that were asked to wait alike do
    not come back all at once.
    """
    jitter = random.uniform(0, min(backoff * 2.0 ** min(retry - 1, 30), _LONGEST_BACKOFF))  # noqa: S311
    if wait is None:
        return jitter
    return min(wait, longest) + min(jitter, backoff)
