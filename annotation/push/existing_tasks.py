"""The tasks of a project: listed on the server, or as the last push left them while the server shows no change.

WORKSPACE/review/tasks-KEY.json     the list as the last finished push left it; losing it costs only a listing
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, get_args

from pydantic import TypeAdapter, ValidationError

from annotation.label_studio.client import LabelStudio
from annotation.push.task import Key, task_key
from curation.review.verdict_store import Reviews
from curation.store.files import write_whole
from schemas.review import Stratum

# The server may finish a request whose sender was killed: tasks of it can still appear for so long.
SETTLE_SECONDS = 60.0


class ExistingTask(NamedTuple):
    """A task on the server. `touched`: somebody judged, skipped or began it, so it must stay as it is.

    A listing does not tell of drafts: before a task is removed it is asked for alone. `overlap`: how many people must
    judge it; None when the server did not say. `bare`: it lacks its prediction, so people would see empty fields.
    `early`: it counts as finished, though it has fewer annotations than people must judge it.
    """

    task_id: int
    touched: bool
    overlap: int | None
    stratum: Stratum
    bare: bool = False
    early: bool = False


class _Stored(NamedTuple):
    """What the file holds: our tasks with their keys, and the numbers of the tasks that are not ours."""

    tasks: list[tuple[Key, ExistingTask]]
    foreign: list[int]


_FILE = TypeAdapter(_Stored)


class ExistingTasks:
    """The tasks of a project that this program made, by key, and the numbers of all others.

    Whoever adds or removes a task on the server says so here.
    """

    def __init__(self, tasks: Iterable[tuple[Key, ExistingTask]] = (), foreign: Iterable[int] = ()) -> None:
        """`tasks`: our tasks with their keys; `foreign`: the numbers of the tasks that are not ours."""
        self.by_key: dict[Key, list[ExistingTask]] = {}
        self._foreign = set(foreign)
        self._keys: dict[str, set[Key]] = {}
        for key, task in tasks:
            self.add(key, task)

    def add(self, key: Key, task: ExistingTask) -> None:
        """Take up a task that is on the server."""
        self.by_key.setdefault(key, []).append(task)
        self._keys.setdefault(key.sample_id, set()).add(key)

    def discard(self, key: Key, task: ExistingTask) -> None:
        """Forget a task that is on the server no more."""
        left = [other for other in self.by_key.pop(key) if other.task_id != task.task_id]
        if left:
            self.by_key[key] = left
        else:
            self._keys[key.sample_id].discard(key)

    def keys_of(self, sample_id: str) -> list[Key]:
        """The keys of a sample's tasks, in the order of their content's hashes."""
        return sorted(self._keys.get(sample_id, ()))

    def newest(self) -> dict[str, tuple[Key, ExistingTask]]:
        """The task with the largest number of each sample, with its key."""
        newest: dict[str, tuple[Key, ExistingTask]] = {}
        for key, tasks in self.by_key.items():
            last = max(tasks)
            if key.sample_id not in newest or last > newest[key.sample_id][1]:
                newest[key.sample_id] = key, last
        return newest

    @property
    def extent(self) -> tuple[int, int]:
        """The number of tasks and the largest task number, as `LabelStudio.extent` tells them."""
        numbers = self._foreign.union(task.task_id for tasks in self.by_key.values() for task in tasks)
        return len(numbers), max(numbers, default=0)

    def save(self, path: Path) -> None:
        """Store the tasks. Raises OSError."""
        stored = _Stored([(key, task) for key, tasks in self.by_key.items() for task in tasks], sorted(self._foreign))
        write_whole(path, _FILE.dump_json(stored))


def stored_tasks(path: Path) -> ExistingTasks | None:
    """The tasks as `ExistingTasks.save` stored them; None for a missing or damaged file."""
    try:
        return ExistingTasks(*_FILE.validate_json(path.read_bytes()))
    except (OSError, ValidationError):
        return None


def listed_tasks(server: LabelStudio, project: int) -> ExistingTasks:
    """The tasks that the server lists."""
    existing, foreign = [], []
    for row in server.tasks(project):
        key = task_key(row.get("data"))
        if key is None:
            foreign.append(int(row["id"]))
        else:
            existing.append((key, existing_task(row)))
    return ExistingTasks(existing, foreign)


def settled_tasks(server: LabelStudio, project: int, journal: Journal) -> ExistingTasks:
    """The tasks that the server lists, after waiting for the batch that an interrupted push had sent.

    It waits until the whole batch is there, SETTLE_SECONDS after it was sent at most.
    """
    existing = listed_tasks(server, project)
    begun = journal.begun()
    while begun is not None and not all(key in existing.by_key for key in begun[1]):
        # What has not appeared by the end of this time was never received.
        if not 0 <= time.time() - begun[0] < SETTLE_SECONDS:
            break
        time.sleep(1.0)
        if server.extent(project) != existing.extent:
            existing = listed_tasks(server, project)
    return existing


def existing_task(row: Mapping[str, Any]) -> ExistingTask:
    """A task that this program made, as the server describes it in a listing or alone."""
    counts = (row.get("total_annotations"), row.get("cancelled_annotations"), row.get("draft_exists"))
    touched = any(counts) or bool(row.get("annotations") or row.get("drafts"))
    overlap = row.get("overlap")
    stratum = row["data"]["stratum"]
    known: Stratum = stratum if stratum in get_args(Stratum) else "random"
    bare = row.get("total_predictions") == 0 and not row.get("predictions")
    people = overlap if isinstance(overlap, int) else None
    early = row.get("is_labeled") is True and (row.get("total_annotations") or 0) < (people or 0)
    return ExistingTask(int(row["id"]), touched, people, known, bare, early)


class Journal:
    """Notes in the ledger which batch of a project is on its way to the server."""

    def __init__(self, reviews: Reviews, key: str) -> None:
        """`key`: the project's key."""
        self._reviews = reviews
        self._name = f"push {key}"

    def begun(self) -> tuple[float, list[Key]] | None:
        """The batch whose arrival was never noted: when it was sent (Unix time), and its keys. None without one."""
        try:
            state = json.loads(self._reviews.cursor(self._name) or "{}")
            return (float(state["at"]), [Key(*key) for key in state["keys"]]) if "keys" in state else None
        except (ValueError, TypeError, KeyError, RecursionError):
            return None

    def begin(self, keys: Iterable[Key]) -> None:
        """Note that a batch is about to be sent."""
        self._reviews.set_cursor(self._name, json.dumps({"at": time.time(), "keys": list(keys)}))

    def end(self) -> None:
        """Note that no batch is on its way: all arrived, or were refused."""
        self._reviews.set_cursor(self._name, "{}")
