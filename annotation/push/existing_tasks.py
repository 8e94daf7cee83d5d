"""Lists the tasks that this program made in a project: from the ledger, or from the server if it has changed."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, get_args

from annotation.label_studio.client import LabelStudio
from annotation.push.task import Key, round_of, task_key
from curation.review.verdict_store import Pushed, Reviews
from schemas.review import Stratum

# The server may finish a request whose sender was killed: tasks of it can still appear for so long.
SETTLE_SECONDS = 60.0


class ExistingTask(NamedTuple):
    """A task on the server. `touched`: somebody judged, skipped or began it, so it must stay as it is.

    `overlap`: how many people must judge it; None when the server did not say.
    """

    task_id: int
    touched: bool
    overlap: int | None
    stratum: Stratum


class Journal:
    """Notes in the ledger how the last push of a project ended: finished, or while a batch was on its way."""

    def __init__(self, reviews: Reviews, key: str) -> None:
        """`key`: the project's key."""
        self._reviews = reviews
        self._name = f"push {key}"

    def finished(self) -> tuple[int, int] | None:
        """The number of tasks and the largest task number after the last push; None when it did not finish."""
        state = self._read()
        return (state["tasks"], state["last"]) if "tasks" in state else None

    def begun(self) -> tuple[float, list[Key]] | None:
        """The batch whose arrival was never noted: when it was sent (Unix time), and its keys. None without one."""
        state = self._read()
        return (float(state["at"]), [Key(*key) for key in state["keys"]]) if "keys" in state else None

    def begin(self, keys: Iterable[Key]) -> None:
        """Note that a batch is about to be sent."""
        self._write({"at": time.time(), "keys": list(keys)})

    def finish(self, extent: tuple[int, int]) -> None:
        """Note that the push is finished; `extent`: number of tasks on the server, largest task number."""
        self._write({"tasks": extent[0], "last": extent[1]})

    def _read(self) -> dict[str, Any]:
        try:
            state = json.loads(self._reviews.cursor(self._name) or "{}")
        except ValueError:
            return {}
        return state if isinstance(state, dict) else {}

    def _write(self, state: dict[str, Any]) -> None:
        self._reviews.set_cursor(self._name, json.dumps(state))


def tasks_in_ledger(pushed: Mapping[str, Pushed]) -> dict[Key, list[ExistingTask]]:
    """The newest task of every sample as the ledger has it. All count as touched: only the server knows better."""
    return {
        Key(row.sample_id, row.content_sha256, round_of(row.stratum)): [
            ExistingTask(row.task_id, True, None, row.stratum)
        ]
        for row in pushed.values()
    }


def tasks_on_server(server: LabelStudio, project: int) -> dict[Key, list[ExistingTask]]:
    """Every task of the project that this program made, by ascending number."""
    tasks: dict[Key, list[ExistingTask]] = {}
    for row in server.tasks(project):
        key = task_key(row.get("data"))
        if key is not None:
            tasks.setdefault(key, []).append(existing_task(row))
    return tasks


def existing_task(row: Mapping[str, Any]) -> ExistingTask:
    """A task that this program made, as the server describes it in a listing or alone."""
    counts = (row.get("total_annotations"), row.get("cancelled_annotations"), row.get("draft_exists"))
    touched = any(counts) or bool(row.get("annotations") or row.get("drafts"))
    overlap = row.get("overlap")
    stratum = row["data"]["stratum"]
    known: Stratum = stratum if stratum in get_args(Stratum) else "random"
    return ExistingTask(int(row["id"]), touched, overlap if isinstance(overlap, int) else None, known)


def settled_tasks(server: LabelStudio, project: int, journal: Journal) -> dict[Key, list[ExistingTask]]:
    """The tasks as `tasks_on_server` has them, after waiting for the batch that an interrupted push had sent.

    It waits until the whole batch is there, SETTLE_SECONDS after it was sent at most.
    """
    tasks = tasks_on_server(server, project)
    begun = journal.begun()
    while begun is not None and not all(key in tasks for key in begun[1]):
        # What has not appeared by the end of this time was never received.
        if not 0 <= time.time() - begun[0] < SETTLE_SECONDS:
            break
        time.sleep(1.0)
        tasks = tasks_on_server(server, project)
    return tasks
