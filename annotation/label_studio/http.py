"""HTTP requests to Label Studio: authentication, retries, size limits, and errors in the project's own words."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from annotation.label_studio.access import TOKEN, URL, Access
from schemas.errors import ConfigError, RunStopped

PAGE = 200
_ATTEMPTS = 5
_TIMEOUT = httpx.Timeout(300.0, connect=10.0)
_LATER = frozenset({429, 502, 503, 504})


class TooLarge(RunStopped):
    """The server refuses a request because of its size (status 413)."""


class Denied(ConfigError):
    """The server answers 401 or 403: it refuses the token, or the token's user may not do this."""


class Refused(RunStopped):
    """The server answers with another status of 400 or above, which is `status`."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Connection:
    """Sends requests to one server. One thread at a time may use it.

    Every method that sends raises:

    - ConfigError when no server answers, when the server redirects, or when its answer is not JSON;
    - Denied, TooLarge or Refused for an error status;
    - RunStopped when the connection breaks or stays busy.
    """

    def __init__(self, access: Access) -> None:
        """Prepare the connection; nothing is sent yet."""
        self.url = access.url
        self.clock: datetime | None = None  # the server's time in its last answer
        self._http = httpx.Client(
            base_url=access.url, auth=_TokenAuth(access), timeout=_TIMEOUT, follow_redirects=False, trust_env=True
        )

    def close(self) -> None:
        """Close the sockets."""
        self._http.close()

    def send(self, method: str, path: str, *, once: bool = False, **arguments: Any) -> httpx.Response:
        """Send a request and return the answer; `arguments` are httpx's own (params, json).

        A request that fails because the server is busy or unreachable is sent again after a pause, up to 5 times in
        all. `once`: never send it a second time.
        """
        for attempt in range(_ATTEMPTS):
            last = once or attempt == _ATTEMPTS - 1
            try:
                response = self._http.request(method, path, **arguments)
            except httpx.ConnectError as error:
                if last:
                    raise ConfigError(f"{self.url}: no server answers there; start it, or correct {URL}") from error
            except (httpx.TransportError, httpx.DecodingError) as error:
                if last:
                    raise RunStopped(f"{self.url}: {method} {path}: {type(error).__name__}; try again later") from error
            else:
                self.clock = _date(response) or self.clock
                if last or not (response.status_code in _LATER or b"database is locked" in response.content[:2000]):
                    return self._accepted(response, method, path)
            time.sleep(0.5 * 2**attempt)
        raise AssertionError("not reached")

    def json(self, method: str, path: str, *, once: bool = False, **arguments: Any) -> Any:
        """Send a request as `send` does and return the answer's JSON value."""
        response = self.send(method, path, once=once, **arguments)
        try:
            return response.json()
        except ValueError as error:
            raise ConfigError(f"{self.url}: the answer is not JSON; correct {URL}") from error

    def page(
        self,
        project: int,
        filters: list[dict[str, Any]],
        size: int,
        *,
        whole: bool = False,
        order: str = "tasks:id",
    ) -> dict[str, Any]:
        """The first page of a project's tasks that pass all filters (see `above`): keys `tasks` and `total`.

        `size`: tasks a page; `order`: a column of the server's task list, with `-` before it for descending order;
        `whole`: include annotations and drafts.
        """
        query = {"filters": {"conjunction": "and", "items": filters}, "ordering": [order]}
        params = {"project": project, "page": 1, "page_size": size, "query": json.dumps(query), "resolve_uri": "false"}
        if whole:
            params["fields"] = "all"
        try:
            answer: dict[str, Any] = self.json("GET", "/api/tasks/", params=params)
        except Refused as error:
            if error.status == 404 and not filters:
                return {"tasks": [], "total": 0}  # an empty project has no first page
            raise
        return answer

    def _accepted(self, response: httpx.Response, method: str, path: str) -> httpx.Response:
        status = response.status_code
        if status in (401, 403):
            raise Denied(
                f"{self.url}: Label Studio does not accept the token ({status}); take a new one from "
                f"Account & Settings, and set {TOKEN}"
            )
        if status == 413:
            raise TooLarge(f"{self.url}: {method} {path}: the server refuses a request of this size")
        if 300 <= status < 400:
            raise ConfigError(
                f"{self.url}: the server redirects to another address (a login page, or https?); correct {URL}"
            )
        if status >= 400:
            raise Refused(status, f"{self.url}: {method} {path}: {status}: {response.text[:500]}")
        return response


def _date(response: httpx.Response) -> datetime | None:
    """The time in an answer's header `Date`; None without a readable one."""
    try:
        date = parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return None
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date.astimezone(UTC)


def above(column: str, kind: str, value: str | int) -> dict[str, Any]:
    """A filter for `Connection.page`: tasks whose column is greater than a value of this kind (Number, Datetime)."""
    return {"filter": column, "operator": "greater", "type": kind, "value": value}


def below(column: str, kind: str, value: str | int) -> dict[str, Any]:
    """A filter for `Connection.page`: tasks whose column is less than a value of this kind (Number, Datetime)."""
    return {"filter": column, "operator": "less", "type": kind, "value": value}


class _TokenAuth(httpx.Auth):
    """Sends a legacy token as it is, and exchanges a personal access token for short-lived ones."""

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
