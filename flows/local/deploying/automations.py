"""The automations of a file: what a server does when a flow's event came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.events.actions import ActionTypes, PauseDeployment, RunDeployment, SendNotification
from prefect.events.schemas.automations import Automation as ServerAutomation
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.exceptions import ObjectNotFound

from flows.local.deploying.file import Automation, File
from flows.local.deploying.steps import Step, find_deployment, nothing, step
from flows.local.deploying.wanted import WantedDeployment, mark_of
from flows.shared.events import COMPLETE, EVENTS, FLOW, workspace_resource
from schemas.documents.deployment import Action
from schemas.errors import ConfigError

_PAGE = 200  # the most that the server gives at once
_SUBJECT = "v2xum: {{ event.event }}, workspace {{ event.payload.workspace }}"
_BODY = """{{ automation.description }}

{% for name, value in event.payload.items() %}{{ name }}: {{ value }}
{% endfor %}"""


def check_automations(file: File, deployments: Sequence[WantedDeployment]) -> None:
    """Raise ConfigError for an automation of an unknown event, or of a deployment that the file has not."""
    names = [each.name for each in deployments]
    for each in file.automations:
        if each.event not in EVENTS:
            raise ConfigError(f"automation {each.name}: no flow emits {each.event}; there are {', '.join(EVENTS)}")
        if each.target not in names:
            raise ConfigError(f"automation {each.name}: no deployment {each.target}; there are {', '.join(names)}")


def automation_steps(
    client: SyncPrefectClient, file: File, deployments: Sequence[WantedDeployment], *, prune: bool
) -> Iterator[Step]:
    """Automations that are missing, differ, or are in the file no more. One that a person switched off stays off."""
    there = {each.name: each for each in _marked(client, mark_of(file))}
    for each in file.automations:
        name = f"{file.name} {each.name}"
        known = there.pop(name, None)
        wanted = partial(_automation, client, file, each, deployments)
        if known is None:
            yield step("automation", name, "created", partial(_create, client, wanted))
        elif fields := _different(known, wanted):
            yield step("automation", name, "changed", partial(_change, client, known, wanted), fields)
    for name, known in there.items():
        action: Action = "removed" if prune else "left"
        yield step("automation", name, action, partial(client.delete_automation, known.id) if prune else nothing)


def missing_block(client: SyncPrefectClient, file: File) -> str | None:
    """What to tell a person when the file names a notification block that the server has not."""
    if file.notify is None or _block(client, file.notify) is not None:
        return None
    return f"notify: the server has no block {file.notify}, so nobody is notified; make it there, and deploy again"


def _automation(
    client: SyncPrefectClient, file: File, wanted: Automation, deployments: Sequence[WantedDeployment]
) -> AutomationCore:
    """The automation as the server stores it. Raises ObjectNotFound where its deployment is not there yet."""
    found = find_deployment(client, wanted.target)
    if found is None:
        raise ObjectNotFound(ValueError(wanted.target))
    target = UUID(found["id"])
    action = RunDeployment if wanted.run else PauseDeployment
    actions: list[ActionTypes] = [action(deployment_id=target)]
    if file.notify is not None and (block := _block(client, file.notify)) is not None:
        actions.append(SendNotification(block_document_id=block, subject=_SUBJECT, body=_BODY))
    workspace = next(each.workspace for each in deployments if each.name == wanted.target)
    about = {"prefect.resource.id": workspace_resource(workspace or "")["prefect.resource.id"]}
    if wanted.flow is not None:
        about[FLOW] = wanted.flow
    of_a_project = wanted.event == COMPLETE  # its resource is the project, and the workspace is related to it
    return AutomationCore(
        name=f"{file.name} {wanted.name}",
        description=" ".join(wanted.description.split()),
        tags=[mark_of(file)],
        trigger=EventTrigger.model_validate(
            {
                "expect": {wanted.event},
                "match": {} if of_a_project else about,
                "match_related": about if of_a_project else {},
                "for_each": {"prefect.resource.id"},
                "posture": Posture.Reactive,
                "threshold": wanted.times,
                "within": 3600 * wanted.within_hours,
            }
        ),
        actions=actions,
    )


def _create(client: SyncPrefectClient, wanted: partial[AutomationCore]) -> None:
    client.create_automation(wanted())


def _change(client: SyncPrefectClient, known: ServerAutomation, wanted: partial[AutomationCore]) -> None:
    # Prefect's own method leaves out what has its default value: of a pause, that it is one.
    fields = wanted().model_dump(mode="json", exclude={"owner_resource"})
    client.request("PUT", "/automations/{id}", path_params={"id": known.id}, json={**fields, "enabled": known.enabled})


def _different(known: ServerAutomation, wanted: partial[AutomationCore]) -> list[str]:
    """The names of the fields that have another value on the server."""
    try:
        other = _fields(wanted())
    except ObjectNotFound:  # its deployment is made anew, and then has another id
        return ["actions"]
    return [name for name, value in _fields(known).items() if value != other[name]]


def _fields(automation: AutomationCore) -> dict[str, Any]:
    return AutomationCore.model_validate(automation.model_dump()).model_dump(exclude={"enabled", "owner_resource"})


def _marked(client: SyncPrefectClient, mark: str) -> list[ServerAutomation]:
    found: list[ServerAutomation] = []
    while True:
        page = client.read_automations(limit=_PAGE, offset=len(found))
        found += page
        if len(page) < _PAGE:
            return [each for each in found if mark in each.tags]


def _block(client: SyncPrefectClient, name: str) -> UUID | None:
    kind, _, own = name.partition("/")
    try:
        return client.read_block_document_by_name(own, kind).id
    except ObjectNotFound:
        return None
