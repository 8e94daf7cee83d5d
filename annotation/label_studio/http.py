"""The HTTP client under Label Studio's SDK: time limits, retries, size limits, and errors in our own words."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from annotation.label_studio.access import TOKEN, URL
from schemas.errors import ConfigError, RunStopped

LARGEST_ANSWER = 512 * 2**20  # bytes; a page of 200 judged tasks has about one megabyte
_ATTEMPTS = 5
_TIMEOUT = httpx.Timeout(300.0, connect=10.0)
_LATER = frozenset({429, 502, 503, 504})
_SMALL = 2_000
_OF_THE_WIRE = frozenset({"content-encoding", "content-length", "transfer-encoding"})


class TooLarge(RunStopped):
    """The server refuses a request because of its size (status 413)."""


class Denied(ConfigError):
    """The server answers 401 or 403: it refuses the token, or the token's user may not do this."""

    def __init__(self, url: str, status: int) -> None:
        super().__init__(
            f"{url}: Label Studio does not accept the token ({status}); take a new one from "
            f"Account & Settings, and set {TOKEN}"
        )
        self.status = status


class Refused(RunStopped):
    """The server answers with another status of 400 or above, which is `status`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Guarded(httpx.Client):
    """An HTTP client for one server, which only returns successful answers, each with its whole body.

    A request that fails because the server is busy or unreachable is sent again after a pause, up to 5 times in all. An
    import of tasks is never sent a second time. Redirects are not followed, so the token stays with the server. Sending
    raises:

    - ConfigError when no server answers, when the server redirects, or when its answer has more than LARGEST_ANSWER
      bytes;
    - Denied, TooLarge or Refused for an error status;
    - RunStopped when the connection breaks or stays busy.
    """

    def __init__(self, url: str) -> None:
        """Prepare the client for the server at `url`; nothing is sent yet."""
        super().__init__(timeout=_TIMEOUT, follow_redirects=False, trust_env=True)
        self._server = url
        self.clock: datetime | None = None  # the server's time in its last answer

    def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send a request and return the answer; `options` are httpx's own."""
        request.extensions["timeout"] = _TIMEOUT.as_dict()  # the SDK has one number for all of its kinds
        options |= {"stream": True, "follow_redirects": False}
        once, asked = request.url.path.endswith("/import"), f"{request.method} {request.url.path}"
        for attempt in range(_ATTEMPTS):
            last = once or attempt == _ATTEMPTS - 1
            try:
                response = self._whole(super().send(request, **options), asked)
            except httpx.ConnectError as error:
                if last:
                    raise ConfigError(f"{self._server}: no server answers there; start it, or correct {URL}") from error
            except (httpx.TransportError, httpx.DecodingError) as error:
                if last:
                    raise RunStopped(f"{self._server}: {asked}: {type(error).__name__}; try again later") from error
            else:
                self.clock = _date(response) or self.clock
                if last or not (response.status_code in _LATER or b"database is locked" in response.content[:_SMALL]):
                    return self._accepted(response, asked)
            time.sleep(0.5 * 2**attempt)
        raise AssertionError("not reached")

    def _whole(self, response: httpx.Response, asked: str) -> httpx.Response:
        """The answer with its body, decoded. What httpx made is let go: its parts refer to each other and stay long."""
        parts, size = [], 0
        try:
            for part in response.iter_bytes():
                parts.append(part)
                size += len(part)
                if size > LARGEST_ANSWER:
                    raise ConfigError(
                        f"{self._server}: {asked}: the answer has more than {LARGEST_ANSWER >> 20} MB; correct {URL} "
                        "if that is no Label Studio server"
                    )
        finally:
            response.close()
        headers = [(name, value) for name, value in response.headers.multi_items() if name not in _OF_THE_WIRE]
        return httpx.Response(response.status_code, headers=headers, content=b"".join(parts), request=response.request)

    def _accepted(self, response: httpx.Response, asked: str) -> httpx.Response:
        status = response.status_code
        if status in (401, 403):
            raise Denied(self._server, status)
        if status == 413:
            raise TooLarge(f"{self._server}: {asked}: the server refuses a request of this size")
        if 300 <= status < 400:
            raise ConfigError(
                f"{self._server}: the server redirects to another address (a login page, or https?); correct {URL}"
            )
        if status >= 400:
            raise Refused(status, f"{self._server}: {asked}: {status}: {response.text[:500]}")
        return response


def _date(response: httpx.Response) -> datetime | None:
    """The time in an answer's header `Date`; None without a readable one."""
    try:
        date = parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)
