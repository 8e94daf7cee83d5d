"""Label Studio's HTTP API: the few calls that the review needs, and a clear word for what goes wrong.

httpx and not Label Studio's own SDK: that one brings OpenCV, which holds NumPy back for the whole project.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, NamedTuple, Self

import httpx

from annotation.label_studio.access import TOKEN, URL, Access
from annotation.label_studio.environment import VERSION
from annotation.label_studio.http import _ATTEMPTS, _LATER, _TIMEOUT, PAGE, Denied, TooLarge, _above, _Bearer, _Refused
from schemas.errors import ConfigError, RunStopped

OLDEST = (1, 20)


class Project(NamedTuple):
    """A project on the server, as far as the review needs it."""

    id: int
    title: str
    description: str
    label_config: str
    maximum_annotations: int
    tasks: int
    finished: int


class LabelStudio:
    """A connection to a server. Not for several threads at once, but for the walk through `tasks`."""

    def __init__(self, access: Access) -> None:
        """Open it; nothing is sent yet."""
        self.url = access.url
        self._http = httpx.Client(
            base_url=access.url, auth=_Bearer(access), timeout=_TIMEOUT, follow_redirects=False, trust_env=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def check(self) -> str:
        """The server's version. Raises ConfigError for what is no Label Studio, too old, or refuses the token."""
        try:
            found = self._json(self._send("GET", "/api/version"))
            release = str(found["release"])
            version = tuple(int(part) for part in release.split(".")[:2])
        except (KeyError, TypeError, ValueError, _Refused) as error:
            raise ConfigError(f"{self.url}: something answers there, but it is no Label Studio; see {URL}") from error
        if version < OLDEST:
            least = ".".join(map(str, OLDEST))
            raise ConfigError(f"{self.url}: Label Studio {release} is too old: {least} at least, {VERSION} is tested")
        self._json(self._send("GET", "/api/current-user/whoami"))
        return release

    # ---- projects

    def projects(self) -> Iterator[Project]:
        """All projects that the token's user sees."""
        for page in range(1, 10_000):
            found = self._json(self._send("GET", "/api/projects/", params={"page": page, "page_size": 100}))
            yield from (_project(one) for one in found["results"])
            if not found.get("next"):
                return

    def project(self, number: int) -> Project | None:
        """A project by its number; None when there is none."""
        try:
            return _project(self._json(self._send("GET", f"/api/projects/{number}/")))
        except _Refused as error:
            if error.status == 404:
                return None
            raise

    def create_project(self, **fields: Any) -> Project:
        """Make a project with the API's own field names."""
        return _project(self._json(self._send("POST", "/api/projects/", json=fields)))

    def update_project(self, number: int, **fields: Any) -> Project:
        """Change fields of a project."""
        return _project(self._json(self._send("PATCH", f"/api/projects/{number}/", json=fields)))

    def serve_folder(self, project: int, path: str) -> None:
        """Let the project's users read a folder of the server's machine; one that they may read already is left so."""
        known = self._json(self._send("GET", "/api/storages/localfiles/", params={"project": project}))
        rows = known if isinstance(known, list) else known.get("results", [])
        if not any(row.get("path") == path for row in rows):
            fields = {"project": project, "path": path, "title": "review media", "use_blob_urls": True}
            self._json(self._send("POST", "/api/storages/localfiles/", json=fields))

    def webhooks(self, project: int) -> list[dict[str, Any]]:
        """The webhooks of a project."""
        found = self._json(self._send("GET", "/api/webhooks/", params={"project": project}))
        rows: list[dict[str, Any]] = found if isinstance(found, list) else found.get("results", [])
        return rows

    def save_webhook(self, number: int | None, **fields: Any) -> None:
        """Make a webhook, or change one. Raises Denied when the server does not send to such an address."""
        method, path = ("POST", "/api/webhooks/") if number is None else ("PATCH", f"/api/webhooks/{number}/")
        self._send(method, path, json=fields)

    def delete_webhook(self, number: int) -> None:
        """Remove a webhook; one that is gone already is no error."""
        try:
            self._send("DELETE", f"/api/webhooks/{number}/")
        except _Refused as error:
            if error.status != 404:
                raise

    # ---- tasks

    def import_tasks(self, project: int, tasks: Sequence[Mapping[str, Any]]) -> list[int]:
        """Add tasks with their predictions; returns their numbers in the same order.

        Never sent twice: when it fails half-way the caller has to look what arrived. Raises TooLarge when the server
        takes no request of this size, RunStopped when it says that it made something else than it was given.
        """
        path = f"/api/projects/{project}/import"
        found = self._json(self._send("POST", path, params={"return_task_ids": "true"}, json=tasks, once=True))
        wanted = sum(len(task.get("predictions", ())) for task in tasks)
        ids = [int(number) for number in found.get("task_ids") or ()]
        if len(ids) != len(tasks) or found.get("prediction_count") != wanted:
            raise RunStopped(
                f"{self.url}: of {len(tasks)} tasks with {wanted} predictions Label Studio made {len(ids)} with "
                f"{found.get('prediction_count')}; push again, which adds what is missing"
            )
        return ids

    def tasks(self, project: int, after: str | None = None, *, whole: bool = False) -> Iterator[dict[str, Any]]:
        """The tasks of a project, or those updated after a time (ISO 8601), in the order of their numbers.

        `whole`: with annotations and drafts. Pages go on from the last number seen, so that tasks that are added or
        removed meanwhile shift nothing. The server makes the next page while the caller reads this one.
        """

        def page(last: int) -> list[dict[str, Any]]:
            items = [_above("filter:tasks:id", "Number", last)]
            if after is not None:
                items.append(_above("filter:tasks:updated_at", "Datetime", after))
            rows: list[dict[str, Any]] = self._page(project, items, PAGE, whole=whole)["tasks"]
            gc.collect(1)  # httpx ties a response and its stream together: each page would stay for long
            return rows

        with ThreadPoolExecutor(1, "page") as pool:
            following = pool.submit(page, 0)
            while rows := following.result():
                full = len(rows) == PAGE
                if full:
                    following = pool.submit(page, max(int(row["id"]) for row in rows))
                yield from rows
                if not full:
                    return

    def extent(self, project: int) -> tuple[int, int]:
        """How many tasks a project has and the largest number among them (0: none)."""
        found = self._page(project, [], 1, order="-tasks:id")
        rows = found["tasks"]
        return int(found["total"]), int(rows[0]["id"]) if rows else 0

    def newest_change(self, project: int) -> str | None:
        """When a task of the project changed last (ISO 8601); None without tasks."""
        rows = self._page(project, [], 1, order="-tasks:updated_at")["tasks"]
        return str(rows[0].get("updated_at")) if rows else None

    def users(self) -> dict[int, str]:
        """E-mail addresses of the server's users by number."""
        found = self._json(self._send("GET", "/api/users/"))
        rows = found if isinstance(found, list) else found.get("results", [])
        return {int(row["id"]): str(row["email"]) for row in rows if row.get("email")}

    def task(self, number: int) -> dict[str, Any] | None:
        """A task with its annotations and drafts; None when it is gone."""
        try:
            found: dict[str, Any] = self._json(self._send("GET", f"/api/tasks/{number}/"))
        except _Refused as error:
            if error.status == 404:
                return None
            raise
        return found

    def set_overlap(self, number: int, people: int) -> None:
        """How many people shall judge a task."""
        self._json(self._send("PATCH", f"/api/tasks/{number}/", json={"overlap": people}))

    def delete_task(self, number: int) -> None:
        """Remove a task; one that is gone already is no error."""
        try:
            self._send("DELETE", f"/api/tasks/{number}/")
        except _Refused as error:
            if error.status != 404:
                raise

    def _page(
        self, project: int, items: list[dict[str, Any]], size: int, *, whole: bool = False, order: str = "tasks:id"
    ) -> dict[str, Any]:
        query = {"filters": {"conjunction": "and", "items": items}, "ordering": [order]}
        params = {"project": project, "page": 1, "page_size": size, "query": json.dumps(query), "resolve_uri": "false"}
        if whole:
            params["fields"] = "all"
        try:
            found: dict[str, Any] = self._json(self._send("GET", "/api/tasks/", params=params))
        except _Refused as error:
            if error.status == 404 and not items:
                return {"tasks": [], "total": 0}  # an empty project has no first page
            raise
        return found

    # ---- the wire

    def _send(self, method: str, path: str, *, once: bool = False, **arguments: Any) -> httpx.Response:
        """Send a request, again after a moment where the server is busy. Raises what the class says."""
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
                if last or not (response.status_code in _LATER or b"database is locked" in response.content[:2000]):
                    return self._accepted(response, method, path)
            time.sleep(0.5 * 2**attempt)
        raise AssertionError("not reached")

    def _accepted(self, response: httpx.Response, method: str, path: str) -> httpx.Response:
        status = response.status_code
        if status in (401, 403):
            raise Denied(
                f"{self.url}: Label Studio does not accept the token ({status}); take a new one from "
                f"Account & Settings, and set {TOKEN}"
            )
        if status == 413:
            raise TooLarge(f"{self.url}: {method} {path}: the server takes no request of this size")
        if 300 <= status < 400:
            raise ConfigError(f"{self.url}: it sends us elsewhere (a login page, or https?); correct {URL}")
        if status >= 400:
            raise _Refused(status, f"{self.url}: {method} {path}: {status}: {response.text[:500]}")
        return response

    def _json(self, response: httpx.Response) -> Any:
        try:
            return response.json()
        except ValueError as error:
            raise ConfigError(f"{self.url}: it answers with something else than JSON; correct {URL}") from error


def _project(found: Mapping[str, Any]) -> Project:
    return Project(
        id=int(found["id"]),
        title=str(found.get("title") or ""),
        description=str(found.get("description") or ""),
        label_config=str(found.get("label_config") or ""),
        maximum_annotations=int(found.get("maximum_annotations") or 1),
        tasks=int(found.get("task_number") or 0),
        finished=int(found.get("finished_task_number") or 0),
    )
