"""The deployments that a server should have: each one's flow, form and values, checked before anything is changed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from importlib.metadata import version
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

from prefect import Flow
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import MissingFlowError
from prefect.flows import load_flow_from_entrypoint
from prefect.utilities.schema_tools.validation import ValidationError, validate
from pydantic import ValidationError as WrongValue

from flows.local.deploying.file import Deployment, File
from flows.local.deploying.forms import form_of
from schemas.configuration.loading import load_config
from schemas.errors import ConfigError
from schemas.secret_addresses import hide_secrets

_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


class GlobalLimit(NamedTuple):
    """A limit of runs by its name on the server."""

    name: str
    limit: int


class WantedDeployment(NamedTuple):
    """A deployment by its name FLOW/NAME. `fields`: what the server stores of it, as JSON values."""

    name: str
    flow: str
    fields: dict[str, Any]
    limit: GlobalLimit | None

    @property
    def workspace(self) -> str | None:
        """The workspace that it works in, if it has one."""
        value = self.fields["parameters"].get("workspace")
        return None if value is None else str(value)


def mark_of(file: File) -> str:
    """The tag by which a deployment or an automation on a server is known to belong to the file."""
    return f"deployed-by:{file.name}"


def wanted_deployments(file: File, folder: Path) -> list[WantedDeployment]:
    """The deployments of a file; their runs work in `folder`.

    Raises ConfigError for a flow that cannot be imported, a parameter that it has not or does not take, one that a
    schedule lacks, a configuration that is wrong, and a parameter that holds a secret.
    """
    return [_wanted(file, each, folder) for each in file.deployments]


def with_places(file: File, workspace: str | None, config: str | None) -> File:
    """The file with another workspace, and another configuration, in every deployment that has one.

    Paths below the workspace of the file's first deployment lie below the other one. Sources and other values that the
    file sets for its own configuration (`overrides`) go with that one.
    """
    named = [str(each.parameters["workspace"]) for each in file.deployments if "workspace" in each.parameters]
    former = named[0] if named else ""

    def other(deployment: Deployment) -> Deployment:
        values = dict(deployment.parameters)
        if workspace is not None and former:
            values = {name: _moved(value, former, workspace) for name, value in values.items()}
        if config is not None and "config" in values:
            values["config"] = config
            if "overrides" in values:
                values["overrides"] = []  # not left out: the server would keep what it has
        return deployment.model_copy(update={"parameters": values})

    return file.model_copy(update={"deployments": tuple(map(other, file.deployments))})


def _moved(value: Any, former: str, workspace: str) -> Any:
    """A value of the file in which the workspace, and paths below it, are those of another one."""
    if isinstance(value, list):
        return [_moved(each, former, workspace) for each in value]
    if isinstance(value, str) and (value == former or value.startswith(f"{former}/")):
        return workspace + value.removeprefix(former)
    return value


def _wanted(file: File, deployment: Deployment, folder: Path) -> WantedDeployment:
    try:
        flow: Flow[..., Any] = load_flow_from_entrypoint(deployment.entrypoint, use_placeholder_flow=False)
    except (ImportError, AttributeError, MissingFlowError) as error:
        raise ConfigError(f"{deployment.entrypoint}: there is no such flow ({error})") from error
    name = f"{flow.name}/{deployment.name}"
    form = form_of(flow)
    known = list(form["properties"])
    for parameter in deployment.parameters:
        if parameter not in known:
            raise ConfigError(f"{name}: the flow has no parameter {parameter}; it has {', '.join(known)}")
    _check_values(name, deployment, form)
    return WantedDeployment(
        name,
        flow.name,
        {
            "name": deployment.name,
            "description": " ".join(deployment.description.split()),
            "tags": sorted({*deployment.tags, mark_of(file)}),
            "entrypoint": deployment.entrypoint,
            "parameters": deployment.parameters,
            "parameter_openapi_schema": form,
            "enforce_parameter_schema": True,
            "schedules": _schedules(name, deployment),
            "concurrency_options": _collision(deployment),
            "work_pool_name": deployment.work_pool.name,
            "pull_steps": [{"prefect.deployments.steps.set_working_directory": {"directory": str(folder)}}],
            "path": str(folder),
            "version": version("v2xum-curator"),
        },
        _limit(name, deployment, folder),
    )


def _check_values(name: str, deployment: Deployment, form: Mapping[str, Any]) -> None:
    values = deployment.parameters
    text = json.dumps(values, ensure_ascii=False)
    if hide_secrets(text) != text:
        raise ConfigError(
            f"{name}: a parameter holds an address with a password or a signature, and the server shows parameters: "
            "let the configuration's file name it"
        )
    try:
        validate(dict(values), {**form}, raise_on_error=True, ignore_required=True)
    except ValidationError as error:
        raise ConfigError(f"{name}: {error}") from error
    missing = [each for each in form.get("required", ()) if each not in values]
    if missing and deployment.schedules:
        raise ConfigError(f"{name}: it runs by a schedule, and has no value for {', '.join(missing)}")
    if "config" in values:
        path = Path(values["config"])
        if not path.is_file():
            raise ConfigError(
                f"{name}: {path}: no such file here; --config names yours (`v2xum init DIR` writes one), and runs work "
                "in the folder in which `v2xum deploy` was called"
            )
        if not load_config(path, values.get("overrides", ())).sources:
            raise ConfigError(f"{name}: {path} has no `sources:`, and a run that nobody starts needs them")


def _schedules(name: str, deployment: Deployment) -> list[dict[str, Any]]:
    made = []
    for slug, each in zip(deployment.slugs, deployment.schedules, strict=True):
        try:
            schedule = CronSchedule(cron=each.cron, timezone=each.timezone)
        except WrongValue as error:
            raise ConfigError(f"{name}: schedule {each.cron!r} {each.timezone}: {error.errors()[0]['msg']}") from error
        made.append({"schedule": schedule.model_dump(mode="json"), "slug": slug, "parameters": {}})
    return sorted(made, key=itemgetter("slug"))  # the order of a file says nothing


def _collision(deployment: Deployment) -> dict[str, Any] | None:
    limit = deployment.concurrency_limit
    return None if limit is None else {"collision_strategy": limit.collision_strategy}


def _limit(name: str, deployment: Deployment, folder: Path) -> GlobalLimit | None:
    limit = deployment.concurrency_limit
    if limit is None:
        return None
    if limit.shared is None:
        whose = name
    else:
        value = deployment.parameters[limit.shared]
        # `run` of one folder is another workspace than `run` of the next.
        whose = f"{limit.shared} {(folder / value).resolve() if limit.shared == 'workspace' else value}"
    return GlobalLimit(_UNFIT.sub("-", f"v2xum {whose}"), limit.limit)
