"""HTTP requests to Label Studio: authentication, retries, size limits, and errors in the project's own words."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import httpx

from annotation.label_studio.access import Access
from schemas.errors import ConfigError, RunStopped

PAGE = 200
_ATTEMPTS = 5
_TIMEOUT = httpx.Timeout(300.0, connect=10.0)
_LATER = frozenset({429, 502, 503, 504})


class TooLarge(RunStopped):
    """The server takes no request of this size."""


class Denied(ConfigError):
    """The server answers 401 or 403: to the token, or to what was asked for."""


class _Bearer(httpx.Auth):
    """A legacy token as it is; a personal access token by the short-lived ones that it is good for."""

    requires_response_body = True

    def __init__(self, access: Access) -> None:
        self._token = access.token
        self._refresh = f"{access.url}/api/token/refresh"
        self._bearer = ""
        self._personal = access.token.count(".") == 2

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if not self._personal:
            request.headers["Authorization"] = f"Token {self._token}"
            yield request
            return
        for last in (False, True):
            if not self._bearer:
                answer = yield httpx.Request("POST", self._refresh, json={"refresh": self._token})
                self._bearer = str(answer.json().get("access", "")) if answer.status_code == 200 else ""
            request.headers["Authorization"] = f"Bearer {self._bearer or 'none'}"
            response = yield request
            if response.status_code != 401 or last:
                return
            self._bearer = ""


class _Refused(RunStopped):
    """An answer of 400 and above that has no better word."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def _above(column: str, kind: str, value: str | int) -> dict[str, Any]:
    return {"filter": column, "operator": "greater", "type": kind, "value": value}
