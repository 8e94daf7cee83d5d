"""Removes tasks that are obsolete, and repairs what an interrupted push left behind."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from annotation.label_studio.client import LabelStudio
from annotation.push.existing_tasks import ExistingTask, ExistingTasks, existing_task
from annotation.push.task import Key, task_key
from curation.review.verdict_store import Pushed, Reviews

_TRIES = 5  # that many annotations of one task would have to come within milliseconds


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


def remove_unwanted(server: LabelStudio, existing: ExistingTasks, ids: Iterable[str]) -> tuple[int, list[int]]:
    """Remove the open tasks of these samples, which nobody needs to judge.

    Returns how many were removed, and the numbers of those that stay because somebody touched them.
    """
    removed, kept = 0, []
    for name in sorted(ids):
        for key in existing.keys_of(name):
            for task in list(existing.by_key[key]):
                if _removed(server, existing, key, task):
                    removed += 1
                elif any(other.task_id == task.task_id for other in existing.by_key.get(key, ())):
                    kept.append(task.task_id)
    return removed, kept


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


def set_overlaps(
    server: LabelStudio, existing: ExistingTasks, overlaps: Mapping[Key, int], *, skips_count: bool
) -> list[int]:
    """Give existing tasks the number of annotators that `overlaps` has for their key, and finish or open them by it.

    `skips_count`: as in `Project`. Returns the numbers of the tasks of which the server does not change whether they
    are finished.
    """
    stubborn = []
    for key, people in overlaps.items():
        for task in list(existing.by_key.get(key, ())):
            if task.overlap is not None and (task.overlap != people or task.early):
                taken = _with_overlap(server, task.task_id, people, skips_count)
                if not taken:
                    stubborn.append(task.task_id)
                existing.discard(key, task)
                existing.add(key, task._replace(overlap=people, early=not taken))
    return stubborn


def _with_overlap(server: LabelStudio, number: int, people: int, skips_count: bool) -> bool:
    """Set how many people must judge a task, and whether it is finished; False when the server keeps the latter.

    Somebody may judge the task at the same time, which the server's answer shows: then the task is set again.
    """
    row = server.set_overlap(number, people)
    for _ in range(_TRIES):
        finished = _judges(row, skips_count) >= people
        if row.get("is_labeled") == finished:
            return True
        row = server.set_overlap(number, people, finished)
    return False


def _judges(row: Mapping[str, Any], skips_count: bool) -> int:
    """How many people judged a task, as Label Studio counts them (tasks/mixins.py, `_get_is_labeled_value`)."""
    annotations = row.get("annotations") or []
    return len({one.get("completed_by") for one in annotations if skips_count or not one.get("was_cancelled")})


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
