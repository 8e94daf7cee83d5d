"""Policy as data: how each stage's task runs are tagged, limited and retried.

The retries are for the machinery of a run: a database that is locked for a moment, a model server that is gone. What is
wrong with a video never leaves its stage as an error; it becomes a row of the ledger.
"""

from __future__ import annotations

import os
from typing import Any

from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task
from sqlalchemy.exc import OperationalError

from curation.ledger.stages import STAGES
from curation.pipeline.turns import recognises
from schemas.configuration.config import CurateConfig
from schemas.errors import TransientError

RETRIES = 2
RETRY_DELAY = 5.0  # seconds


def tags(stage: str, config: CurateConfig) -> tuple[str, ...]:
    """The tags of a stage, for the concurrency limits of a Prefect server: `download`, `decode` or `gpu`."""
    if STAGES[stage].asks is not None or recognises(stage, config):
        return ("gpu",)
    lane = STAGES[stage].lane
    return (lane,) if lane in ("download", "decode") else ()


def is_transient(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Prefect's retry condition: only an error that may pass by itself is tried again."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, TransientError | OperationalError)


def options(stage: str, shard: int, config: CurateConfig) -> dict[str, Any]:
    """Keyword arguments for `Task.with_options`.

    Tags are for limits that several runs share on a server of the user's. Every tagged task run asks that server for a
    slot, which takes up to seconds. The server of a single run has nothing to limit, so its task runs have no tags.
    """
    shared = bool(os.environ.get("PREFECT_API_URL"))
    return {
        "task_run_name": f"{stage}-{shard:05d}",
        "tags": list(tags(stage, config)) if shared else [],
        "retries": RETRIES,
        "retry_delay_seconds": RETRY_DELAY,
        "retry_condition_fn": is_transient,
    }
