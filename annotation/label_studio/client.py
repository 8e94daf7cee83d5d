"""Calls of Label Studio's API that the review needs: projects, tasks, webhooks and users.

They go through Label Studio's own SDK, which this module alone imports, and which sends through `http.Guarded`. Tasks
cross as plain JSON through the SDK's HTTP client: its typed form of a page or an import costs ten times the CPU.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeVar

from annotation.label_studio.access import URL, Access
from annotation.label_studio.environment import VERSION
from annotation.label_studio.http import Denied, Guarded, Refused
from schemas.errors import ConfigError, RunStopped

if TYPE_CHECKING:  # the SDK is an extra, and its import takes a quarter of a second
    from label_studio_sdk.base_client import LabelStudioBase
    from label_studio_sdk.core.request_options import RequestOptions

OLDEST = (1, 20)
PAGE = 200
# What a task of a listing tells. The server needs two or three times as long for all the columns of its own screen.
_LISTED = "id,updated_at,data,overlap,is_labeled,total_annotations,cancelled_annotations,total_predictions"
# `Guarded` repeats what may be repeated; the SDK would repeat an import too, which doubles tasks.
_ONCE: RequestOptions = {"max_retries": 0}
_Answer = TypeVar("_Answer")


class Project(NamedTuple):
    """A project on the server: the fields that the review needs.

    `tasks`, `finished`: numbers of tasks; `skips_count`: who skips a task counts as one of those who judged it.
    """

    id: int
    title: str
    description: str
    label_config: str
    maximum_annotations: int
    tasks: int
    finished: int
    skips_count: bool = False


class Webhook(NamedTuple):
    """A webhook of a project: its number and the address that it sends to."""

    id: int
    url: str


class LabelStudio:
    """A connection to a server, used as a context manager. One thread at a time may use it; `tasks` starts its own.

    Every method that asks the server raises what `http.Guarded` raises, and ConfigError for an answer that Label Studio
    does not give.
    """

    def __init__(self, access: Access) -> None:
        """Prepare the connection; nothing is sent yet. Raises ConfigError when Label Studio's SDK is not installed."""
        self.url = access.url
        self._token = access.token
        self._http = Guarded(access.url)
        self._sdk = self._connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def check(self) -> str:
        """The server's version. Raises ConfigError for another kind of server, an old version, or a refused token."""

        def read(sdk: LabelStudioBase) -> tuple[str, tuple[int, ...]]:
            release = str(sdk.versions.get(request_options=_ONCE).release)
            return release, tuple(int(part) for part in release.split(".")[:2])

        try:
            release, version = self._ask(read)
        except Refused as error:
            raise self._foreign() from error
        if version < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            raise ConfigError(
                f"{self.url}: Label Studio {release} is too old: it must be {oldest} or newer; {VERSION} is tested"
            )
        self._ask(lambda sdk: sdk.users.whoami(request_options=_ONCE))
        return release

    # ---- projects

    def projects(self) -> Iterator[Project]:
        """All projects that the token's user can see."""

        def read(page: int, sdk: LabelStudioBase) -> tuple[list[Project], bool]:
            answer = sdk.projects.list(page=page, page_size=100, request_options=_ONCE)
            if answer.items is None:
                raise ConfigError(f"{self.url}: its list of projects is not that of a Label Studio")
            return [_project(each) for each in answer.items], bool(answer.response.next)

        for page in range(1, 10_000):
            found, more = self._ask(partial(read, page))
            yield from found
            if not more:
                return

    def project(self, number: int) -> Project | None:
        """A project by its number; None when it does not exist."""
        return _unless_missing(lambda: self._ask(lambda sdk: _project(sdk.projects.get(number, request_options=_ONCE))))

    def create_project(self, **fields: Any) -> Project:
        """Make a project; `fields` have the API's own names."""
        return self._ask(lambda sdk: _project(sdk.projects.create(**fields, request_options=_ONCE)))

    def update_project(self, number: int, **fields: Any) -> Project:
        """Change fields of a project; `fields` have the API's own names."""
        return self._ask(lambda sdk: _project(sdk.projects.update(number, **fields, request_options=_ONCE)))

    def serve_folder(self, project: int, path: str) -> None:
        """Let the project's users read a folder of the server's machine; nothing is sent when they may already."""

        def serve(sdk: LabelStudioBase) -> None:
            folders = sdk.import_storage.local
            if not any(each.path == path for each in folders.list(project=project, request_options=_ONCE)):
                folders.create(
                    project=project, path=path, title="review media", use_blob_urls=True, request_options=_ONCE
                )

        self._ask(serve)

    def tabs(self, project: int) -> list[str]:
        """The titles of the tabs of a project's list of tasks."""
        return self._ask(
            lambda sdk: [
                str(each.data.get("title")) if isinstance(each.data, dict) else ""
                for each in sdk.views.list(project=project, request_options=_ONCE)
            ]
        )

    def add_tab(self, project: int, data: Mapping[str, Any]) -> None:
        """Add a tab to a project's list of tasks; `data` have the API's own names, most of which the SDK lacks."""
        self._json("POST", "api/dm/views/", json={"project": project, "data": data})

    def webhooks(self, project: int) -> list[Webhook]:
        """The webhooks of a project."""
        return self._ask(
            lambda sdk: [
                Webhook(int(each.id or 0), str(each.url))
                for each in sdk.webhooks.list(project=str(project), request_options=_ONCE)
            ]
        )

    def save_webhook(self, number: int | None, project: int, **fields: Any) -> None:
        """Make a webhook of a project (number None) or change an existing one, which stays with its project.

        Raises Denied when the server refuses to send to the webhook's address.
        """
        if number is None:
            self._ask(lambda sdk: sdk.webhooks.create(project=project, **fields, request_options=_ONCE))
        else:
            self._ask(lambda sdk: sdk.webhooks.update(number, **fields, request_options=_ONCE))

    def delete_webhook(self, number: int) -> None:
        """Remove a webhook; no error when it is gone already."""
        _unless_missing(lambda: self._ask(lambda sdk: sdk.webhooks.delete(number, request_options=_ONCE)))

    # ---- tasks

    def import_tasks(self, project: int, tasks: Sequence[Mapping[str, Any]]) -> list[int]:
        """Add tasks with their predictions; returns the tasks' numbers in the same order.

        The request is never sent twice: after an error the caller must look which tasks arrived. Raises TooLarge when
        the server refuses a request of this size, RunStopped when the server made fewer tasks or predictions than
        it was given.
        """
        body = json.dumps(tasks, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
        answer = self._json(
            "POST",
            f"api/projects/{project}/import",
            params={"return_task_ids": True},
            content=body,
            headers={"content-type": "application/json"},
        )
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

        `whole`: include annotations and drafts; otherwise a task has the fields of `_LISTED` alone. Each page begins
        after the last number of the page before it, so tasks that are added or removed meanwhile shift nothing. A
        server may give shorter pages than it was asked for. A thread asks for the next page while the caller reads
        this one.
        """

        def page(last: int) -> tuple[list[dict[str, Any]], int]:
            filters = [_filter("greater", "filter:tasks:id", "Number", last)]
            if after is not None:
                filters.append(_filter("greater", "filter:tasks:updated_at", "Datetime", after))
            return self._page(project, filters, PAGE, whole=whole)

        with ThreadPoolExecutor(1, "page") as pool:
            following = pool.submit(page, 0)
            more = True
            while more:
                rows, total = following.result()
                more = 0 < len(rows) < total
                if more:
                    following = pool.submit(page, max(int(row["id"]) for row in rows))
                yield from rows

    def extent(self, project: int) -> tuple[int, int]:
        """The number of a project's tasks, and the largest task number (0: no tasks)."""
        rows, total = self._page(project, [], 1, order="-tasks:id")
        return total, int(rows[0]["id"]) if rows else 0

    def newest_change(self, project: int, before: str | None = None) -> str | None:
        """The time (ISO 8601) of the last change of any task of the project; None when it has no tasks.

        `before` (ISO 8601): only tasks whose last change was before that time.
        """
        filters = [] if before is None else [_filter("less", "filter:tasks:updated_at", "Datetime", before)]
        rows, _ = self._page(project, filters, 1, order="-tasks:updated_at")
        return str(rows[0].get("updated_at")) if rows else None

    @property
    def clock(self) -> datetime | None:
        """The server's own time when it sent its last answer, to the second; None when it told none."""
        return self._http.clock

    def users(self) -> dict[int, str]:
        """The e-mail addresses of the server's users, by user number."""
        return self._ask(
            lambda sdk: {
                int(user.id): user.email for user in sdk.users.list(request_options=_ONCE) if user.id and user.email
            }
        )

    def task(self, number: int) -> dict[str, Any] | None:
        """A task with its annotations and drafts; None when it does not exist."""
        return _unless_missing(lambda: self._json("GET", f"api/tasks/{number}/"))

    def set_overlap(self, number: int, people: int, finished: bool | None = None) -> dict[str, Any]:
        """Set how many people must judge a task, and whether it counts as finished (None: as before).

        Returns the task as it is then, with its annotations. Label Studio itself looks whether a task is finished only
        when an annotation of it comes, changes or goes.
        """
        fields = {"overlap": people} if finished is None else {"overlap": people, "is_labeled": finished}
        return self._json("PATCH", f"api/tasks/{number}/", json=fields)

    def update_task(self, number: int, data: Mapping[str, Any]) -> None:
        """Replace what a task shows."""
        self._ask(lambda sdk: sdk.tasks.update(str(number), data=data, request_options=_ONCE))

    def update_prediction(self, number: int, result: Sequence[dict[str, Any]]) -> None:
        """Replace what a prediction says."""
        self._ask(lambda sdk: sdk.predictions.update(number, result=result, request_options=_ONCE))

    def delete_task(self, number: int) -> None:
        """Remove a task; no error when it is gone already."""
        _unless_missing(lambda: self._ask(lambda sdk: sdk.tasks.delete(str(number), request_options=_ONCE)))

    # ---- the SDK

    def _page(
        self,
        project: int,
        filters: list[dict[str, Any]],
        size: int,
        *,
        whole: bool = False,
        order: str = "tasks:id",
    ) -> tuple[list[dict[str, Any]], int]:
        """The first page of a project's tasks that pass all filters (see `_filter`), and the number of such tasks.

        `size`: tasks a page; `order`: a column of the server's task list, with `-` before it for descending order;
        `whole`: include annotations and drafts; otherwise a task has the fields of `_LISTED` alone.
        """
        query = {"filters": {"conjunction": "and", "items": filters}, "ordering": [order]}
        params = {"project": project, "page": 1, "page_size": size, "query": json.dumps(query), "resolve_uri": False}
        params |= {"fields": "all"} if whole else {"include": _LISTED}
        try:
            answer = self._json("GET", "api/tasks/", params=params)
        except Refused as error:
            if error.status == 404 and not filters:
                return [], 0  # an empty project has no first page
            raise
        rows, total = answer.get("tasks"), answer.get("total")
        if not isinstance(rows, list) or not isinstance(total, int):
            raise self._foreign()
        return rows, total

    def _json(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        """The JSON object that the server answers to a request, past the SDK's typed parsing."""
        answer = self._ask(
            lambda sdk: sdk._client_wrapper.httpx_client.request(
                path, method=method, request_options=_ONCE, **arguments
            ).json()
        )
        if not isinstance(answer, dict):
            raise self._foreign()
        return answer

    def _ask(self, call: Callable[[LabelStudioBase], _Answer]) -> _Answer:
        """The result of a call of the SDK; what the SDK cannot read is an error in our words."""
        from label_studio_sdk.core.api_error import ApiError

        for again in (True, False):
            try:
                return call(self._sdk)
            except Denied as error:
                # The SDK renews a short-lived token by this machine's clock, which may be late.
                if not again or error.status != 401:
                    raise
                self._sdk = self._connect()
            except (ApiError, json.JSONDecodeError, RecursionError) as error:
                raise ConfigError(f"{self.url}: the answer is not JSON; correct {URL}") from error
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise self._foreign() from error
        raise AssertionError("not reached")

    def _connect(self) -> LabelStudioBase:
        """The SDK's client, without the extensions of its `LabelStudio`, which import Pandas and a lot besides."""
        try:
            from label_studio_sdk.base_client import LabelStudioBase
            from label_studio_sdk.core.api_error import ApiError
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"the review needs Label Studio's SDK ({error.name} is missing): pip install -e '.[review]' "
                "in the checkout"
            ) from error
        try:
            # With the slash the SDK finds `api/token/refresh` below an address that has a path.
            return LabelStudioBase(base_url=f"{self.url}/", api_key=self._token, httpx_client=self._http)
        except ApiError as error:  # a personal access token whose own date is past
            raise Denied(self.url, 401) from error

    def _foreign(self) -> ConfigError:
        return ConfigError(f"{self.url}: the server there is no Label Studio; see {URL}")


def _filter(operator: str, column: str, kind: str, value: str | int) -> dict[str, Any]:
    """A filter for `_page`: tasks whose column is `greater` or `less` than a value of this kind (Number, Datetime)."""
    return {"filter": column, "operator": operator, "type": kind, "value": value}


def _unless_missing(call: Callable[[], _Answer]) -> _Answer | None:
    """The result of a call; None when the server answers 404."""
    try:
        return call()
    except Refused as error:
        if error.status == 404:
            return None
        raise


def _project(fields: Any) -> Project:
    """A project as the SDK describes it: some of its types lack fields that the server sends."""

    def field(name: str, default: Any) -> Any:
        return getattr(fields, name, None) or default

    return Project(
        id=int(fields.id),
        title=str(field("title", "")),
        description=str(field("description", "")),
        label_config=str(field("label_config", "")),
        maximum_annotations=int(field("maximum_annotations", 1)),
        tasks=int(field("task_number", 0)),
        finished=int(field("finished_task_number", 0)),
        skips_count=field("skip_queue", "") == "IGNORE_SKIPPED",
    )
