"""Calls of Label Studio's HTTP API that the review needs: projects, tasks, webhooks and users.

They use httpx and not Label Studio's own SDK: the SDK requires OpenCV, which would hold NumPy back for the project.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from types import TracebackType
from typing import Any, NamedTuple, Self

from annotation.label_studio.access import URL, Access
from annotation.label_studio.environment import VERSION
from annotation.label_studio.http import PAGE, Connection, Refused, above, below
from schemas.errors import ConfigError, RunStopped

OLDEST = (1, 20)


class Project(NamedTuple):
    """A project on the server: the fields that the review needs."""

    id: int
    title: str
    description: str
    label_config: str
    maximum_annotations: int
    tasks: int
    finished: int


class LabelStudio:
    """A connection to a server, used as a context manager. One thread at a time may use it; `tasks` starts its own.

    Every method that asks the server raises what `http.Connection` raises.
    """

    def __init__(self, access: Access) -> None:
        """Prepare the connection; nothing is sent yet."""
        self.url = access.url
        self._api = Connection(access)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._api.close()

    def check(self) -> str:
        """The server's version. Raises ConfigError for another kind of server, an old version, or a refused token."""
        try:
            answer = self._api.json("GET", "/api/version")
            release = str(answer["release"])
            version = tuple(int(part) for part in release.split(".")[:2])
        except (KeyError, TypeError, ValueError, Refused) as error:
            raise ConfigError(f"{self.url}: the server there is no Label Studio; see {URL}") from error
        if version < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise ConfigError(
                f"{self.url}: Label Studio {release} is too old: it must be {oldest} or newer; {VERSION} is tested"
            )
        self._api.json("GET", "/api/current-user/whoami")
        return release

    # ---- projects

    def projects(self) -> Iterator[Project]:
        """All projects that the token's user can see."""
        for page in range(1, 10_000):
            answer = self._api.json("GET", "/api/projects/", params={"page": page, "page_size": 100})
            yield from (_project(fields) for fields in answer["results"])
            if not answer.get("next"):
                return

    def project(self, number: int) -> Project | None:
        """A project by its number; None when it does not exist."""
        fields = self._find(f"/api/projects/{number}/")
        return None if fields is None else _project(fields)

    def create_project(self, **fields: Any) -> Project:
        """Make a project; `fields` have the API's own names."""
        return _project(self._api.json("POST", "/api/projects/", json=fields))

    def update_project(self, number: int, **fields: Any) -> Project:
        """Change fields of a project; `fields` have the API's own names."""
        return _project(self._api.json("PATCH", f"/api/projects/{number}/", json=fields))

    def serve_folder(self, project: int, path: str) -> None:
        """Let the project's users read a folder of the server's machine; nothing is sent when they may already."""
        rows = _rows(self._api.json("GET", "/api/storages/localfiles/", params={"project": project}))
        if not any(row.get("path") == path for row in rows):
            fields = {"project": project, "path": path, "title": "review media", "use_blob_urls": True}
            self._api.json("POST", "/api/storages/localfiles/", json=fields)

    def webhooks(self, project: int) -> list[dict[str, Any]]:
        """The webhooks of a project, as the API describes them."""
        return _rows(self._api.json("GET", "/api/webhooks/", params={"project": project}))

    def save_webhook(self, number: int | None, **fields: Any) -> None:
        """Make a webhook (number None) or change an existing one.

        Raises Denied when the server refuses to send to the webhook's address.
        """
        method, path = ("POST", "/api/webhooks/") if number is None else ("PATCH", f"/api/webhooks/{number}/")
        self._api.send(method, path, json=fields)

    def delete_webhook(self, number: int) -> None:
        """Remove a webhook; no error when it is gone already."""
        self._delete(f"/api/webhooks/{number}/")

    # ---- tasks

    def import_tasks(self, project: int, tasks: Sequence[Mapping[str, Any]]) -> list[int]:
        """Add tasks with their predictions; returns the tasks' numbers in the same order.

        The request is never sent twice: after an error the caller must look which tasks arrived. Raises TooLarge when
        the server refuses a request of this size, RunStopped when the server made fewer tasks or predictions than
        it was given.
        """
        path = f"/api/projects/{project}/import"
        answer = self._api.json("POST", path, params={"return_task_ids": "true"}, json=tasks, once=True)
        wanted = sum(len(task.get("predictions", ())) for task in tasks)
        ids = [int(number) for number in answer.get("task_ids") or ()]
        if len(ids) != len(tasks) or answer.get("prediction_count") != wanted:
            raise RunStopped(
                f"{self.url}: of {len(tasks)} tasks with {wanted} predictions Label Studio made {len(ids)} tasks with "
                f"{answer.get('prediction_count')} predictions; push again, which adds what is missing"
            )
        return ids

    def tasks(self, project: int, after: str | None = None, *, whole: bool = False) -> Iterator[dict[str, Any]]:
        """The tasks of a project by ascending number; with `after` (ISO 8601) only those updated after that time.

        `whole`: include annotations and drafts. Each page begins after the last number of the page before it, so tasks
        that are added or removed meanwhile shift nothing. A thread asks for the next page while the caller reads
        this one.
        """

        def page(last: int) -> list[dict[str, Any]]:
            filters = [above("filter:tasks:id", "Number", last)]
            if after is not None:
                filters.append(above("filter:tasks:updated_at", "Datetime", after))
            rows: list[dict[str, Any]] = self._api.page(project, filters, PAGE, whole=whole)["tasks"]
            gc.collect(1)  # httpx's response and stream refer to each other: each page would stay in memory for long
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
        """The number of a project's tasks, and the largest task number (0: no tasks)."""
        answer = self._api.page(project, [], 1, order="-tasks:id")
        rows = answer["tasks"]
        return int(answer["total"]), int(rows[0]["id"]) if rows else 0

    def newest_change(self, project: int, before: str | None = None) -> str | None:
        """The time (ISO 8601) of the last change of any task of the project; None when it has no tasks.

        `before` (ISO 8601): only tasks whose last change was before that time.
        """
        filters = [] if before is None else [below("filter:tasks:updated_at", "Datetime", before)]
        rows = self._api.page(project, filters, 1, order="-tasks:updated_at")["tasks"]
        return str(rows[0].get("updated_at")) if rows else None

    @property
    def clock(self) -> datetime | None:
        """The server's own time when it sent its last answer, to the second; None when it told none."""
        return self._api.clock

    def users(self) -> dict[int, str]:
        """The e-mail addresses of the server's users, by user number."""
        rows = _rows(self._api.json("GET", "/api/users/"))
        return {int(row["id"]): str(row["email"]) for row in rows if row.get("email")}

    def task(self, number: int) -> dict[str, Any] | None:
        """A task with its annotations and drafts; None when it does not exist."""
        return self._find(f"/api/tasks/{number}/")

    def set_overlap(self, number: int, people: int) -> None:
        """Set how many people must judge a task."""
        self._api.json("PATCH", f"/api/tasks/{number}/", json={"overlap": people})

    def delete_task(self, number: int) -> None:
        """Remove a task; no error when it is gone already."""
        self._delete(f"/api/tasks/{number}/")

    def _find(self, path: str) -> dict[str, Any] | None:
        try:
            answer: dict[str, Any] = self._api.json("GET", path)
        except Refused as error:
            if error.status == 404:
                return None
            raise
        return answer

    def _delete(self, path: str) -> None:
        try:
            self._api.send("DELETE", path)
        except Refused as error:
            if error.status != 404:
                raise


def _rows(answer: Any) -> list[dict[str, Any]]:
    """The rows of a listing, which some versions of the server wrap into a page."""
    rows: list[dict[str, Any]] = answer if isinstance(answer, list) else answer.get("results", [])
    return rows


def _project(fields: Mapping[str, Any]) -> Project:
    return Project(
        id=int(fields["id"]),
        title=str(fields.get("title") or ""),
        description=str(fields.get("description") or ""),
        label_config=str(fields.get("label_config") or ""),
        maximum_annotations=int(fields.get("maximum_annotations") or 1),
        tasks=int(fields.get("task_number") or 0),
        finished=int(fields.get("finished_task_number") or 0),
    )
