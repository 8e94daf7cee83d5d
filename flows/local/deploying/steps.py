"""What must change on a server so that it has what a file says: found first, done afterwards, in a fit order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, NamedTuple

from httpx import HTTPStatusError
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import (
    GlobalConcurrencyLimitCreate,
    GlobalConcurrencyLimitUpdate,
    WorkPoolCreate,
)
from prefect.exceptions import ObjectNotFound
from prefect.workers.process import ProcessWorker

from flows.local.deploying.file import File, WorkPool
from flows.local.deploying.wanted import GlobalLimit, WantedDeployment, mark_of
from schemas.documents.deployment import Action, Kind, ServerChange
from schemas.errors import ConfigError

_PAGE = 200  # the most that the server gives at once


class Step(NamedTuple):
    """A change, and what makes it. What is left as it is has nothing to do."""

    change: ServerChange
    do: Callable[[], object]


def step(kind: Kind, name: str, action: Action, do: Callable[[], object], fields: Sequence[str] = ()) -> Step:
    """A step with its change."""
    return Step(ServerChange(kind=kind, name=name, action=action, fields=tuple(fields)), do)


def work_pool_steps(client: SyncPrefectClient, file: File) -> Iterator[Step]:
    """The work pools that are missing. Raises ConfigError for one of another type, or of a type that is not known."""
    for pool in file.work_pools:
        try:
            there = client.read_work_pool(pool.name)
        except ObjectNotFound:
            if pool.type != ProcessWorker.type:
                raise ConfigError(
                    f"work pool {pool.name}: the server has none, and only pools of type process are made here: "
                    f"prefect work-pool create {pool.name} --type {pool.type}"
                ) from None
            yield step("work pool", pool.name, "created", partial(_make_pool, client, pool))
            continue
        if there.type != pool.type:
            raise ConfigError(f"work pool {pool.name}: it is of type {there.type} on the server, not of {pool.type}")


def limit_steps(client: SyncPrefectClient, file: File, deployments: Sequence[WantedDeployment]) -> Iterator[Step]:
    """Limits of task runs with a tag, and of the runs of deployments."""
    for tag, most in file.limits.items():
        try:
            there = client.read_concurrency_limit_by_tag(tag).concurrency_limit
        except ObjectNotFound:
            there = None
        if there != most:
            action: Action = "created" if there is None else "changed"
            change = partial(client.create_concurrency_limit, tag, most)  # it also changes one
            yield step("limit", f"tag {tag}", action, change, [] if there is None else ["limit"])
    for limit in _limits_of(deployments):
        try:
            known = client.read_global_concurrency_limit_by_name(limit.name)
        except ObjectNotFound:
            made = GlobalConcurrencyLimitCreate(name=limit.name, limit=limit.limit)
            yield step("limit", limit.name, "created", partial(client.create_global_concurrency_limit, made))
            continue
        if (known.limit, known.active) != (limit.limit, True):
            update = GlobalConcurrencyLimitUpdate(limit=limit.limit, active=True)
            change_limit = partial(client.update_global_concurrency_limit, limit.name, update)
            yield step("limit", limit.name, "changed", change_limit, ["limit"])


def deployment_steps(client: SyncPrefectClient, deployments: Sequence[WantedDeployment]) -> Iterator[Step]:
    """Deployments that are missing or differ.

    Who paused one, or a schedule of it, finds it paused afterwards. Parameters that the file does not name keep the
    values that somebody gave them at the server, such as a budget.
    """
    for wanted in deployments:
        there = find_deployment(client, wanted.name)
        if there is None:
            yield step("deployment", wanted.name, "created", partial(_store, client, wanted, None))
            continue
        merged = with_kept_parameters(wanted, there["parameters"])
        if fields := _different(merged, there):
            yield step("deployment", wanted.name, "changed", partial(_store, client, merged, there), fields)


def left_deployments(
    client: SyncPrefectClient, file: File, deployments: Sequence[WantedDeployment], *, prune: bool
) -> Iterator[Step]:
    """Deployments that carry the file's tag and are not in it: removed with `prune`, else only named."""
    names = {each.name for each in deployments}
    for there in _marked(client, mark_of(file)):
        flow = client.read_flow(there["flow_id"]).name
        name = f"{flow}/{there['name']}"
        if name not in names:
            action: Action = "removed" if prune else "left"
            yield step("deployment", name, action, partial(_remove, client, there) if prune else nothing)


def find_deployment(client: SyncPrefectClient, name: str) -> dict[str, Any] | None:
    """What the server says of a deployment FLOW/NAME; None where it has none."""
    flow, _, own = name.partition("/")
    try:
        found = client.request("GET", "/deployments/name/{flow_name}/{deployment_name}",
                               path_params={"flow_name": flow, "deployment_name": own})  # fmt: skip
    except HTTPStatusError as error:
        if error.response.status_code != HTTPStatus.NOT_FOUND:
            raise
        return None
    value: dict[str, Any] = found.json()
    return value


def with_kept_parameters(wanted: WantedDeployment, there: Mapping[str, Any]) -> WantedDeployment:
    """The deployment with the server's values of the parameters that its flow has and the file does not name."""
    fields = wanted.fields
    known = fields["parameter_openapi_schema"]["properties"]
    kept = {name: value for name, value in there.items() if name in known}
    return wanted._replace(fields={**fields, "parameters": {**kept, **fields["parameters"]}})


def nothing() -> None:
    """What is left as it is needs nothing."""


def _make_pool(client: SyncPrefectClient, pool: WorkPool) -> None:
    template = ProcessWorker.get_default_base_job_template()
    client.create_work_pool(WorkPoolCreate(name=pool.name, type=pool.type, base_job_template=template))


def _limits_of(deployments: Sequence[WantedDeployment]) -> list[GlobalLimit]:
    """Each limit once. Raises ConfigError when deployments share one and want different numbers of runs."""
    found: dict[str, GlobalLimit] = {}
    for each in deployments:
        if each.limit is not None and found.setdefault(each.limit.name, each.limit) != each.limit:
            raise ConfigError(
                f"{each.name}: `concurrency_limit` is not that of the deployments with which it shares it"
            )
    return list(found.values())


def _different(wanted: WantedDeployment, there: dict[str, Any]) -> list[str]:
    """The names of the fields that have another value on the server."""
    fields = [name for name, value in wanted.fields.items() if _comparable(name, there.get(name)) != value]
    limit = (there.get("global_concurrency_limit") or {}).get("name")
    return fields + (["concurrency_limit"] if limit != (wanted.limit and wanted.limit.name) else [])


def _comparable(name: str, value: Any) -> Any:
    """A server's value in the form in which `WantedDeployment` has it."""
    if name == "tags":
        return sorted(value)
    if name == "concurrency_options" and value:
        return {"collision_strategy": value["collision_strategy"]}
    if name == "schedules":
        return [
            {"schedule": each["schedule"], "slug": each["slug"], "parameters": each["parameters"]}
            for each in sorted(value, key=lambda each: str(each["slug"]))
        ]
    return value


def _store(client: SyncPrefectClient, wanted: WantedDeployment, there: dict[str, Any] | None) -> None:
    """Create a deployment, or replace one; schedules that a person switched off stay off."""
    off = {each["slug"] for each in (there or {}).get("schedules", ()) if not each["active"]}
    fields = dict(wanted.fields)
    fields["schedules"] = [{**each, "active": each["slug"] not in off} for each in fields["schedules"]]
    limit = wanted.limit and client.read_global_concurrency_limit_by_name(wanted.limit.name)
    fields["global_concurrency_limit_id"] = str(limit.id) if limit else None
    fields["flow_id"] = str(client.create_flow_from_name(wanted.flow))
    client.request("POST", "/deployments/", json=fields)
    former = ((there or {}).get("global_concurrency_limit") or {}).get("name", "")
    if former.startswith("deployment:"):  # its own one, of `prefect deploy`
        client.delete_global_concurrency_limit_by_name(former)


def _marked(client: SyncPrefectClient, mark: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        body = {
            "deployments": {"tags": {"all_": [mark]}},
            "sort": "NAME_ASC",
            "limit": _PAGE,
            "offset": len(found),
        }
        page = client.request("POST", "/deployments/filter", json=body).json()
        found += page
        if len(page) < _PAGE:
            return found


def _remove(client: SyncPrefectClient, there: dict[str, Any]) -> None:
    """Delete a deployment. The server would delete its limit too, which others may share."""
    free = {"global_concurrency_limit_id": None, "tags": there["tags"]}
    client.request("PATCH", "/deployments/{id}", path_params={"id": there["id"]}, json=free)
    client.delete_deployment(there["id"])
