"""What a project holds of ours: from the ledger when the server shows no sign of a change, else from the server."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, get_args

from annotation.label_studio.client import LabelStudio
from annotation.push.task import Key, round_of, task_key
from curation.review.verdict_store import Pushed, Reviews
from schemas.review import Stratum

# A request that lost its sender goes on: so long a task of it may still appear.
SETTLE_SECONDS = 60.0


class Held(NamedTuple):
    """A task on the server. `touched`: somebody judged, skipped or began it, so that it must stay as it is."""

    task_id: int
    touched: bool
    overlap: int | None
    stratum: Stratum


class Journal:
    """In the ledger, what the last push of a project left: done with so many tasks, or in the middle of some."""

    def __init__(self, reviews: Reviews, key: str) -> None:
        """Bind a project by its key."""
        self._reviews = reviews
        self._name = f"push {key}"

    def finished(self) -> tuple[int, int] | None:
        """Number of tasks and largest task number after the last push; None when it did not come to its end."""
        state = self._read()
        return (state["tasks"], state["last"]) if "tasks" in state else None

    def begun(self) -> tuple[float, list[Key]] | None:
        """When a batch was sent off whose arrival was never noted (unix time), and its keys; None without one."""
        state = self._read()
        return (float(state["at"]), [Key(*key) for key in state["keys"]]) if "keys" in state else None

    def begin(self, keys: Iterable[Key]) -> None:
        """A batch is about to be sent."""
        self._write({"at": time.time(), "keys": list(keys)})

    def finish(self, extent: tuple[int, int]) -> None:
        """The push is done and the server holds so much."""
        self._write({"tasks": extent[0], "last": extent[1]})

    def _read(self) -> dict[str, Any]:
        try:
            state = json.loads(self._reviews.cursor(self._name) or "{}")
        except ValueError:
            return {}
        return state if isinstance(state, dict) else {}

    def _write(self, state: dict[str, Any]) -> None:
        self._reviews.set_cursor(self._name, json.dumps(state))


def held_by_note(pushed: Mapping[str, Pushed]) -> dict[Key, list[Held]]:
    """The newest task of every sample as the ledger knows it; whether it was touched since has to be asked."""
    return {
        Key(one.sample_id, one.content_sha256, round_of(one.stratum)): [Held(one.task_id, True, None, one.stratum)]
        for one in pushed.values()
    }


def held_by_server(server: LabelStudio, project: int) -> dict[Key, list[Held]]:
    """Every task of ours in the project, by number; tasks that others made are none of our business."""
    found: dict[Key, list[Held]] = {}
    for row in server.tasks(project):
        key = task_key(row.get("data"))
        if key is not None:
            found.setdefault(key, []).append(held(row))
    return found


def held(row: Mapping[str, Any]) -> Held:
    """A task of ours, from the server's listing or asked for alone."""
    counts = (row.get("total_annotations"), row.get("cancelled_annotations"), row.get("draft_exists"))
    touched = any(counts) or bool(row.get("annotations") or row.get("drafts"))
    overlap = row.get("overlap")
    stratum = row["data"]["stratum"]
    known: Stratum = stratum if stratum in get_args(Stratum) else "random"
    return Held(int(row["id"]), touched, overlap if isinstance(overlap, int) else None, known)


def settle(server: LabelStudio, project: int, journal: Journal) -> dict[Key, list[Held]]:
    """What the project holds once a batch that a killed push sent has arrived, or cannot arrive any more."""
    found = held_by_server(server, project)
    begun = journal.begun()
    while begun is not None and not all(key in found for key in begun[1]):
        # Without any of it and without a change: nothing of it came, and nothing will after this time.
        if not 0 <= time.time() - begun[0] < SETTLE_SECONDS:
            break
        time.sleep(1.0)
        found = held_by_server(server, project)
    return found
