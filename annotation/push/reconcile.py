"""Removes tasks that a push makes obsolete, and repairs what an interrupted push left behind."""

from __future__ import annotations

import time
from collections.abc import Mapping

from annotation.label_studio.client import LabelStudio
from annotation.push.existing_tasks import ExistingTask, existing_task, tasks_on_server
from annotation.push.task import Key, task_key
from curation.review.verdict_store import Pushed, Reviews


class FormerTasks:
    """Removes the open tasks of contents that a sample had before."""

    def __init__(self, server: LabelStudio, existing: dict[Key, list[ExistingTask]]) -> None:
        """`existing`: the project's tasks by key; the former ones are taken out of it as they are removed."""
        self._server, self._existing = server, existing
        self._keys: dict[str, set[Key]] = {}
        for key in existing:
            self._keys.setdefault(key.sample_id, set()).add(key)

    def remove(self, key: Key) -> int:
        """Remove the tasks of the sample's former contents, now that the task of this key exists.

        Tasks that somebody touched stay. Returns the number of removed tasks.
        """
        keys = self._keys.get(key.sample_id, ())
        former = {other for other in keys if other.content_sha256 != key.content_sha256}
        tasks = [task for other in former for task in self._existing.pop(other, ())]
        return sum(remove_untouched(self._server, task.task_id) for task in tasks)


def remove_untouched(server: LabelStudio, number: int) -> bool:
    """Delete a task unless somebody has touched it by now, or it is not ours; returns whether it was deleted."""
    row = server.task(number)
    if row is None or task_key(row.get("data")) is None or existing_task(row).touched:
        return False
    server.delete_task(number)
    return True


def record_unrecorded(
    reviews: Reviews, project_key: str, existing: Mapping[Key, list[ExistingTask]], pushed: Mapping[str, Pushed]
) -> None:
    """Store in the ledger the existing tasks of samples for which it has none, because a push was interrupted.

    `pushed`: the ledger's rows of this project, by sample id.
    """
    now = time.time()
    reviews.note_pushed(
        project_key,
        (
            Pushed(key.sample_id, key.content_sha256, tasks[0].task_id, tasks[0].stratum, now)
            for key, tasks in existing.items()
            if key.sample_id not in pushed
        ),
    )


def remove_duplicates(server: LabelStudio, project: int, overlaps: Mapping[Key, int]) -> None:
    """Leave one task of each key, and give it the number of annotators that `overlaps` has for the key.

    Of several tasks that somebody touched all stay: verdicts come back from each of them.
    """
    for key, tasks in tasks_on_server(server, project).items():
        kept, *duplicates = sorted(tasks, key=lambda task: (not task.touched, task.task_id))
        for duplicate in duplicates:
            remove_untouched(server, duplicate.task_id)
        people = overlaps.get(key)
        if people is not None and kept.overlap is not None and kept.overlap != people:
            server.set_overlap(kept.task_id, people)
