"""prefect.yaml as records: what a server should have. Prefect's own command reads the part `deployments` of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas.errors import ConfigError
from schemas.kit.yaml_values import yaml_mapping
from schemas.repository import ROOT
from schemas.secret_addresses import hide_secrets

DEFAULT = ROOT / "configs" / "schedules" / "prefect.yaml"
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")]
Text = Annotated[str, Field(min_length=1)]
Target = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*/[a-z0-9][a-z0-9._-]*$")]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WorkPool(_Section):
    """A work pool; `type` is what its workers start: `process`, `docker`, `kubernetes` and so on."""

    name: Slug
    type: Slug = "process"


class WorkPoolName(_Section):
    """The work pool of a deployment."""

    name: Slug


class Schedule(_Section):
    """When a deployment runs by itself. `slug` tells the schedules of a deployment apart; by default their number."""

    cron: Text
    timezone: Text = "UTC"
    slug: Slug | None = None


class ConcurrencyLimit(_Section):
    """How many runs may be at once, and what becomes of one that is too many.

    `shared`: the name of a parameter. All deployments with the same value of it have one limit together; without it a
    deployment has a limit of its own.
    """

    limit: int = Field(ge=1)
    collision_strategy: Literal["ENQUEUE", "CANCEL_NEW"] = "ENQUEUE"
    shared: Slug | None = None


class Deployment(_Section):
    """A flow with its parameters, and when it runs. `entrypoint` is a module and its flow, MODULE.FLOW."""

    name: Slug
    description: Text
    entrypoint: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")]
    parameters: dict[str, Any] = {}
    schedules: tuple[Schedule, ...] = ()
    concurrency_limit: ConcurrencyLimit | None = None
    tags: tuple[Slug, ...] = ()
    work_pool: WorkPoolName

    @model_validator(mode="after")
    def _slugs_differ(self) -> Deployment:
        if twice := sorted({slug for slug in self.slugs if self.slugs.count(slug) > 1}):
            raise ValueError(f"two schedules have the slug {twice[0]}; give each one of its own")
        return self

    @property
    def slugs(self) -> tuple[str, ...]:
        """How the server tells the schedules apart, in the file's order."""
        return tuple(each.slug or f"schedule-{number}" for number, each in enumerate(self.schedules, start=1))


class Automation(_Section):
    """What a server does when an event came: run a deployment, or pause one until a person resumes it.

    `times` events within `within_hours` are needed. Only events of the workspace of that deployment count, and with
    `flow` only those of one flow.
    """

    name: Slug
    description: Text
    event: Annotated[str, Field(pattern=r"^[a-z0-9.-]+$")]
    flow: Slug | None = None
    times: int = Field(default=1, ge=1)
    within_hours: float = Field(default=0, ge=0)
    run: Target | None = None
    pause: Target | None = None

    @model_validator(mode="after")
    def _one_action(self) -> Automation:
        if (self.run is None) == (self.pause is None):
            raise ValueError("give `run` or `pause`, with FLOW/DEPLOYMENT")
        if self.times > 1 and not self.within_hours:
            raise ValueError("`times` above 1 needs `within_hours`")
        return self

    @property
    def target(self) -> str:
        """The deployment that is run or paused, as FLOW/DEPLOYMENT."""
        return self.run or self.pause or ""


class File(_Section):
    """The whole file. `name` marks what belongs to it on a server.

    `limits`: how many task runs with a tag may be at once. `notify`: a notification block that exists on the server,
    TYPE/NAME, which is told of every event of the automations.
    """

    name: Slug
    work_pools: tuple[WorkPool, ...] = ()
    limits: dict[Slug, Annotated[int, Field(ge=1)]] = {}
    automations: tuple[Automation, ...] = ()
    notify: Target | None = None
    deployments: tuple[Deployment, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names(self) -> File:
        for what, names in (
            ("work pool", [each.name for each in self.work_pools]),
            ("automation", [each.name for each in self.automations]),
            ("deployment", [f"{each.entrypoint} {each.name}" for each in self.deployments]),
        ):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"{what} {twice[0]} is there twice")
        pools = {each.name for each in self.work_pools}
        for deployment in self.deployments:
            if deployment.work_pool.name not in pools:
                raise ValueError(f"deployment {deployment.name}: `work_pools` has no {deployment.work_pool.name}")
            shared = deployment.concurrency_limit and deployment.concurrency_limit.shared
            if shared and shared not in deployment.parameters:
                raise ValueError(f"deployment {deployment.name}: no parameter {shared}, which its limit names")
        return self


def read_file(path: Path) -> File:
    """Read a file of deployments. Raises ConfigError naming the file and the key."""
    raw = yaml_mapping(path, "without FILE, `v2xum deploy` takes the one of the program", str(DEFAULT))
    try:
        return File.model_validate(raw)
    except ValidationError as error:
        lines = [f"{path}: {_where(item['loc'], raw)}{item['msg']}" for item in error.errors()]
        raise ConfigError(hide_secrets("\n".join(lines))) from error


def _where(location: tuple[int | str, ...], raw: dict[str, Any]) -> str:
    """The place of a fault as people find it: by the name of a deployment, not by its number."""
    words: list[str] = []
    node: Any = raw
    for part in location:
        inside = part in node if isinstance(node, dict) else isinstance(node, list) and part in range(len(node))
        node = node[part] if inside else None
        name = node.get("name") if isinstance(part, int) and isinstance(node, dict) else None
        words.append(name if isinstance(name, str) else str(part))
    return f"{'.'.join(words)}: " if words else ""
