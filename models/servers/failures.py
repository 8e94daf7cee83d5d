"""The faults that a request can meet at a model server, and how long a retry waits after each."""

from __future__ import annotations

import json
import random
import time
from typing import Literal, NamedTuple

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
_random = random.SystemRandom()  # requests wait in threads; the state of `random` is not theirs to change


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


class RequestFailed(Exception):
    """A request got no usable answer; `fault` says why."""

    def __init__(self, fault: Fault) -> None:
        """Carry the fault."""
        super().__init__(fault.reason)
        self.fault = fault


def log_line(text: str, secret: str = "") -> str:
    """A server's text as one plain line of at most 500 characters without the API key `secret`."""
    if len(secret) >= 4:
        text = text.replace(secret, "***")
    return plain(text[: 4 * _LONGEST_REASON], _LONGEST_REASON)


def status_fault(status: int, body: bytes, wait: str | None, secret: str = "") -> Fault:
    """The fault of an answer whose status is not 2xx; `wait` is its Retry-After header."""
    if status == 407:
        return proxy_fault(status)
    reason = log_line(f"HTTP {status}: {_message(body)}", secret)
    seconds = retry_after(wait, time.time())
    if status == 429:
        return Fault("rate_limited", reason, status, seconds)
    if status >= 500:
        return Fault("server_error", reason, status, seconds)
    if status in (401, 403):
        return Fault("unauthorized", reason, status)
    if status == 404:
        return Fault("missing", reason, status)
    if status in (408, 425):
        return Fault("timeout", reason, status, seconds)
    return Fault("refused" if status >= 400 else "bad_response", reason, status)


def proxy_fault(status: int) -> Fault:
    """The fault of a request that a proxy did not let through to the server; the proxy gave `status`."""
    return Fault("connection", f"cannot connect: the proxy of the environment answers HTTP {status}", reached=False)


def _message(body: bytes) -> str:
    """The message of an OpenAI error in the body, else the text of the body."""
    try:
        document = json.loads(body)
        error = document.get("error", document)
        message = error.get("message") if isinstance(error, dict) else error
        if isinstance(message, str) and message:
            return message
    except (ValueError, RecursionError, AttributeError):
        pass
    return body[: 4 * _LONGEST_REASON].decode(errors="replace")


def pause_before(retry: int, backoff: float, wait: float | None, longest: float) -> float:
    """Seconds to wait before the `retry`-th retry (from 1): `backoff`, doubled each time, with full jitter.

    When the server asked for `wait` seconds, the result is at least `wait`, or `longest` if that is less. Jitter is
    added to `wait` too, so that requests that were asked to wait equally long do not all come back at once.
    """
    jitter = _random.uniform(0, min(backoff * 2.0 ** min(retry - 1, 30), _LONGEST_BACKOFF))
    if wait is None:
        return jitter
    return min(wait, longest) + min(jitter, backoff)
