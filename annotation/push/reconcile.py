"""Removes tasks that are obsolete, and repairs what an interrupted push left behind."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping

from annotation.label_studio.client import LabelStudio
from annotation.push.existing_tasks import ExistingTask, ExistingTasks, existing_task
from annotation.push.task import Key, task_key
from curation.review.verdict_store import Pushed, Reviews


def remove_former(server: LabelStudio, existing: ExistingTasks, current: Collection[Key]) -> int:
    """Remove the open tasks of contents that a sample had before; returns how many were removed.

    `current`: the keys whose content needs no other task: theirs exists, or enough people have judged it. Tasks that
    somebody touched stay.
    """
    removed = 0
    for key in current:
        for former in existing.keys_of(key.sample_id):
            if former.content_sha256 != key.content_sha256:
                removed += sum(_removed(server, existing, former, task) for task in list(existing.by_key[former]))
    return removed


def remove_bare(server: LabelStudio, existing: ExistingTasks) -> None:
    """Remove the open tasks that the server made without their predictions: the push makes them anew.

    It does so at times when several imports run at once.
    """
    for key, tasks in list(existing.by_key.items()):
        for task in [task for task in tasks if task.bare and not task.touched]:
            now = _looked_up(server, existing, key, task)
            if now is not None and now.bare:
                _removed(server, existing, key, now)


def remove_duplicates(server: LabelStudio, existing: ExistingTasks) -> None:
    """Leave one task of each key. Of several tasks that somebody touched all stay: verdicts come back from each."""
    for key, tasks in list(existing.by_key.items()):
        if len(tasks) > 1:
            known = [task for task in (_looked_up(server, existing, key, task) for task in sorted(tasks)) if task]
            kept = next((task for task in known if task.touched), known[0] if known else None)
            for task in known:
                if task is not kept:
                    _removed(server, existing, key, task)


def set_overlaps(server: LabelStudio, existing: ExistingTasks, overlaps: Mapping[Key, int]) -> None:
    """Give existing tasks the number of annotators that `overlaps` has for their key."""
    for key, people in overlaps.items():
        for task in list(existing.by_key.get(key, ())):
            if task.overlap is not None and task.overlap != people:
                server.set_overlap(task.task_id, people)
                existing.discard(key, task)
                existing.add(key, task._replace(overlap=people))


def record_tasks(reviews: Reviews, project_key: str, existing: ExistingTasks) -> None:
    """Let the ledger have the newest task of every sample, where an interrupted push left it another or none."""
    pushed = reviews.pushed(project_key)
    now = time.time()
    reviews.note_pushed(
        project_key,
        [
            Pushed(name, key.content_sha256, task.task_id, task.stratum, now)
            for name, (key, task) in existing.newest().items()
            if name not in pushed or pushed[name].task_id != task.task_id
        ],
    )


def _removed(server: LabelStudio, existing: ExistingTasks, key: Key, task: ExistingTask) -> bool:
    """Delete a task unless somebody has touched it by now; returns whether it was deleted."""
    if task.touched:
        return False
    now = _looked_up(server, existing, key, task)
    if now is None or now.touched:
        return False
    server.delete_task(task.task_id)
    existing.discard(key, task)
    return True


def _looked_up(server: LabelStudio, existing: ExistingTasks, key: Key, task: ExistingTask) -> ExistingTask | None:
    """The task as it is now, also for `existing`; None when it is gone. A changed key counts as touched."""
    row = server.task(task.task_id)
    existing.discard(key, task)
    if row is None:
        return None
    ours = task_key(row.get("data")) == key
    now = existing_task(row) if ours else task._replace(touched=True)
    existing.add(key, now)
    return now
