"""Policy as data: how each stage's task runs are tagged, limited and retried.

Retries here are for the run's own machinery (a database that is locked for a moment, a model server that is
gone): what is wrong with one video never raises out of a stage, it becomes a row of the ledger.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task
from sqlalchemy.exc import OperationalError

from schemas.errors import TransientError


class Policy(NamedTuple):
    """Tags for Prefect's concurrency limits, and how often a transient failure of the machinery is tried again."""

    tags: tuple[str, ...]
    retries: int = 2
    delay_seconds: float = 5.0


POLICIES = {
    "download": Policy(("download",)),
    "filter": Policy(()),
    "frames": Policy(("decode",)),
    "caption": Policy(("gpu",)),
    "binding": Policy(()),
    "extract": Policy(("gpu",)),
    "refine": Policy(("gpu",)),
    "audit": Policy(("gpu",)),
}


def is_transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Prefect's retry condition: only what may pass by itself is tried again."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, TransientError | OperationalError)


def options(stage: str, shard: int) -> dict[str, Any]:
    """Keyword arguments for `Task.with_options`.

    Tags are for limits that several runs share on a server of the user's; every tagged task run asks that server for
    a slot, which takes up to seconds. The server of a single run has nothing to limit.
    """
    policy = POLICIES[stage]
    shared = bool(os.environ.get("PREFECT_API_URL"))
    return {
        "task_run_name": f"{stage}-{shard:05d}",
        "tags": list(policy.tags) if shared else [],
        "retries": policy.retries,
        "retry_delay_seconds": policy.delay_seconds,
        "retry_condition_fn": is_transient,
    }
