"""The faults that a request can meet at a model server, and how long a retry waits after each."""

from __future__ import annotations

import json
import random
import time
from typing import Literal, NamedTuple

import httpx2
import openai

from models.servers.transport import OversizedBody
from schemas.kit.retry_after import retry_after
from schemas.safe_text import plain

Kind = Literal[
    "rate_limited",  # 429
    "server_error",  # 5xx
    "timeout",
    "connection",  # refused, lost or reset
    "bad_response",  # a body that breaks the API
    "misrouted",  # the reply to another request
    "refused",  # 400 and the like: the server will never answer this request
    "missing",  # 404: refused, or the server does not serve the model any more
    "unauthorized",  # 401, 403
]
_BUSY = 503
_INFRASTRUCTURE = frozenset({502, 503, 504})
_LONGEST_BACKOFF = 60.0
_LONGEST_REASON = 500


class Fault(NamedTuple):
    """A fault that a request met.

    `reason` is one plain line; `status` is the HTTP status, None without an HTTP answer; `wait` is what Retry-After
    asked for, in seconds; `reached` says whether the request may have reached the server.
    """

    kind: Kind
    reason: str
    status: int | None = None
    wait: float | None = None
    reached: bool = True

    @property
    def overload(self) -> bool:
        """Whether the fault says that the server has too much to do."""
        return self.kind in ("rate_limited", "timeout", "connection") or self.status == _BUSY

    @property
    def own(self) -> bool:
        """Whether the request itself may cause the fault, if every attempt ends like this: an error in the server."""
        return self.kind == "server_error" and self.status not in _INFRASTRUCTURE


def log_line(text: str, secret: str = "") -> str:
    """A server's text as one plain line of at most 500 characters without the API key `secret`."""
    if len(secret) >= 4:
        text = text.replace(secret, "***")
    return plain(text[: 4 * _LONGEST_REASON], _LONGEST_REASON)


def fault_of(error: openai.OpenAIError, secret: str = "") -> Fault:
    """The fault that an error of the SDK stands for; `secret` is the API key, which no reason shows."""
    if isinstance(error, openai.APIStatusError):
        return _status_fault(error.response, secret)
    cause = error.__cause__
    if isinstance(cause, OversizedBody | httpx2.DecodingError | httpx2.RemoteProtocolError):
        return Fault("bad_response", log_line(str(cause), secret))
    if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout):
        return Fault("connection", log_line(f"cannot connect: {cause}", secret), reached=False)
    if isinstance(error, openai.APITimeoutError):
        return Fault("timeout", log_line(str(cause), secret))
    return Fault("connection", log_line(f"connection lost: {cause or error}", secret))


def _status_fault(response: httpx2.Response, secret: str) -> Fault:
    status = response.status_code
    reason = log_line(f"HTTP {status}: {_message(response)}", secret)
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
    """The message of an OpenAI error in the body, else the text of the body."""
    try:
        document = json.loads(response.content)
        error = document.get("error", document)
        message = error.get("message") if isinstance(error, dict) else error
        if isinstance(message, str) and message:
            return message
    except (ValueError, RecursionError, AttributeError):
        pass
    return response.content[: 4 * _LONGEST_REASON].decode(errors="replace")


def pause_before(retry: int, backoff: float, wait: float | None, longest: float) -> float:
    """Seconds to wait before the `retry`-th retry (from 1): `backoff`, doubled each time, with full jitter.

    When the server asked for `wait` seconds, the result is at least `wait`, or `longest` if that is less. Jitter is
    added to `wait` too, so that requests that were asked to wait equally long do not all come back at once.
    """
    jitter = random.uniform(0, min(backoff * 2.0 ** min(retry - 1, 30), _LONGEST_BACKOFF))  # noqa: S311
    if wait is None:
        return jitter
    return min(wait, longest) + min(jitter, backoff)
