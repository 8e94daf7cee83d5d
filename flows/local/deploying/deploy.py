"""Makes a Prefect server like a file of deployments: pools, limits, deployments, automations. Twice changes nothing."""

from __future__ import annotations

from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient

from flows.local.deploying.automations import automation_steps, check_automations, missing_block
from flows.local.deploying.file import File
from flows.local.deploying.server import open_server
from flows.local.deploying.steps import Step, deployment_steps, left_deployments, limit_steps, work_pool_steps
from flows.local.deploying.wanted import WantedDeployment, wanted_deployments
from schemas.documents.deployment import DeployReport


def deploy(file: File, name: str, folder: Path, *, prune: bool = False, dry_run: bool = False) -> DeployReport:
    """Change what differs on the server at PREFECT_API_URL, and say what that was; runs work in `folder`.

    `name` is what the report calls the file. `prune`: remove what the file has no more, of what carries its tag.
    `dry_run`: only say it. The whole file is checked before anything is changed. Raises ConfigError for a wrong file
    and for a server that does not answer, that is open to its network, or that refuses something.
    """
    wanted = wanted_deployments(file, folder)
    check_automations(file, wanted)
    with open_server() as (url, client):
        steps = _steps(client, file, wanted, prune)
        missing = missing_block(client, file)
        if not dry_run:
            for each in steps:
                each.do()
    changes, notes = tuple(each.change for each in steps), () if missing is None else (missing,)
    return DeployReport(server=url, file=name, dry_run=dry_run, changes=changes, notes=notes)


def _steps(client: SyncPrefectClient, file: File, wanted: list[WantedDeployment], prune: bool) -> list[Step]:
    return [
        *work_pool_steps(client, file),
        *limit_steps(client, file, wanted),
        *left_deployments(client, file, wanted, prune=prune),
        *deployment_steps(client, wanted),
        *automation_steps(client, file, wanted, prune=prune),
    ]
