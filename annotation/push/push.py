"""Adds samples to a Label Studio project as tasks, each sample once, however often a push runs or is killed.

A task is identified by sample, content and round (task.Key), which its data hold. A push lists the server's tasks once
and derives everything from that list: which tasks are missing, doubled or obsolete. Where the server shows no change
since the last finished push, the list that this push left is taken. When two pushes made the same task at once, one of
the two is removed unless somebody touched both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from annotation.label_studio.access import Access, review_folder
from annotation.label_studio.client import LabelStudio
from annotation.label_studio.http import TooLarge
from annotation.label_studio.project import OwnProject, find_project, make_project, media_folder
from annotation.label_studio.task_list import add_list
from annotation.push.existing_tasks import (
    ExistingTask,
    ExistingTasks,
    Journal,
    listed_tasks,
    settled_tasks,
    stored_tasks,
)
from annotation.push.missing import Extra, MissingTasks, ReadyTask, batches
from annotation.push.reconcile import (
    record_tasks,
    remove_bare,
    remove_duplicates,
    remove_former,
    remove_unwanted,
    set_overlaps,
)
from annotation.push.strata import Chosen
from annotation.push.upgrade import upgrade
from curation.ledger.stages import TRANSCRIBE
from curation.pipeline.services import Services
from curation.pipeline.settings import optional_on
from curation.review.verdict_store import Pushed, Reviews

Unwanted = Callable[[Sequence[str]], Iterable[str]]
_TOO_LARGE = (
    "the server, or a proxy before it, refuses the task because of its size (413); raise that limit and push again"
)
_CHANGED = (
    "the project's labelling interface was changed by hand and stays so; fields that it adds or renames may be missing "
    "in the verdicts (`v2xum review pull` names them)"
)
_STUBBORN = "Label Studio does not open or finish by the number of annotators: {}; open them by hand for another person"
_KEPT = (
    "the sample is out, and somebody judged or began: {}; pull, then delete them in Label Studio's list of tasks "
    "if they must go"
)


class Result(NamedTuple):
    """The outcome of a push.

    Numbers of tasks: `added`; `unchanged`: they existed; `replaced`: removed, because their sample has new content;
    `judged`: not added, because enough people have judged the sample; `removed`: those of samples that are out.
    `failed`: (sample id, reason) of samples that cannot be shown; `notes`: texts for the user.
    """

    project: int
    title: str
    url: str
    added: int
    unchanged: int
    replaced: int
    judged: int
    removed: int
    failed: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def push(
    workspace: Path,
    services: Services,
    access: Access,
    chosen: Sequence[Chosen],
    title: str,
    *,
    extra: Mapping[str, Extra] = {},
    again: bool = False,
    check: bool = False,
    unwanted: Unwanted = lambda _: (),
    report_progress: Callable[[str], None] = lambda _: None,
) -> Result:
    """Add the chosen samples to the project of this title, which is made when it does not exist.

    `extra`: the chosen samples that are not in the ledger, by id; `again`: also add samples that enough people have
    judged in another project, say in one that was deleted; `check`: compare every task on the server even when nothing
    shows a change; `unwanted`: tells which of some samples nobody may judge any more. Raises ConfigError for a server
    that cannot be used, RunStopped when it stops answering; the same call then continues.
    """
    folder = review_folder(workspace)
    with LabelStudio(access) as server:
        server.check()
        spoken = TRANSCRIBE in optional_on(services.config)
        own = find_project(server, title) or make_project(server, title, spoken=spoken)
        media = folder / "files" / "media"
        served = media_folder(media.resolve(), access)
        media.mkdir(parents=True, exist_ok=True)
        server.serve_folder(own.project.id, served)
        own, upgraded = upgrade(server, own, report_progress, spoken=spoken)
        if not server.tabs(own.project.id):
            add_list(server, own.project.id)
        reviews = Reviews(services.ledger)
        missing = MissingTasks(workspace, services, reviews, extra, again, spoken=own.spoken)
        known = folder / f"tasks-{own.key}.json"
        done = _Push(server, own, reviews, missing, known, unwanted, report_progress).run(chosen, check)
        return done if upgraded is None else done._replace(notes=(upgraded, *done.notes))


class _Push:
    def __init__(
        self,
        server: LabelStudio,
        own: OwnProject,
        reviews: Reviews,
        missing: MissingTasks,
        known: Path,
        unwanted: Unwanted,
        report_progress: Callable[[str], None],
    ) -> None:
        self.server, self.own, self.reviews, self.missing, self.known = server, own, reviews, missing, known
        self.unwanted, self.report_progress = unwanted, report_progress
        self.project = own.project.id
        self.people = own.project.maximum_annotations
        self.fresh = own.project.tasks == 0
        self.newest: int | None = None
        self.added = 0
        self.journal = Journal(reviews, own.key)

    def run(self, chosen: Sequence[Chosen], check: bool) -> Result:
        """Find the missing tasks, add them, and remove those that they replace."""
        existing, unchanged = self._existing(check)
        if not unchanged:
            remove_bare(self.server, existing)
            remove_duplicates(self.server, existing)
        # Tasks for one person come first: the project's number of annotators can be raised later without changing them.
        ordered = sorted(chosen, key=lambda one: one.overlap)
        self._add(self.missing.ready(ordered, existing.by_key), existing)
        self.missing.save()
        replaced = remove_former(self.server, existing, self.missing.current)
        stubborn = set_overlaps(  # verdicts may have been pulled since the last push
            self.server, existing, self.missing.overlaps, skips_count=self.own.project.skips_count
        )
        others = {key.sample_id for key in existing.by_key}.difference(one.sample_id for one in chosen)
        removed, kept = remove_unwanted(self.server, existing, self.unwanted(sorted(others)))
        notes = [_CHANGED] if self.own.changed else []
        notes += [_STUBBORN.format(_numbers(stubborn))] if stubborn else []
        notes += [_KEPT.format(_numbers(kept))] if kept else []
        if self.server.extent(self.project) != existing.extent:  # another push works at the same time
            existing = listed_tasks(self.server, self.project)
            remove_duplicates(self.server, existing)
        record_tasks(self.reviews, self.own.key, existing)
        existing.save(self.known)
        if self.journal.begun() is not None:
            self.journal.end()  # also after a batch that was refused: no push has to wait for it
        return Result(
            project=self.project,
            title=self.own.project.title,
            url=f"{self.server.url}/projects/{self.project}/",
            added=self.added,
            unchanged=self.missing.unchanged,
            replaced=replaced,
            judged=len(self.missing.judged),
            removed=removed,
            failed=tuple(self.missing.failed),
            notes=tuple(notes),
        )

    def _existing(self, check: bool) -> tuple[ExistingTasks, bool]:
        """The project's tasks, and whether they are as the last finished push left them."""
        extent = self.server.extent(self.project)
        if not check and self.journal.begun() is None:
            known = ExistingTasks() if extent == (0, 0) else stored_tasks(self.known)
            if known is not None and known.extent == extent:
                return known, True
        return settled_tasks(self.server, self.project, self.journal), False

    def _add(self, ready: Iterator[ReadyTask], existing: ExistingTasks) -> None:
        """Send the tasks in batches, each while the next is built; the ledger notes every batch before and after."""
        with ThreadPoolExecutor(1, "push") as pool:
            sent: tuple[list[ReadyTask], Future[list[int | None]]] | None = None
            for batch in batches(ready):
                if sent is not None:
                    self._arrived(*sent, existing)
                self._raise_annotators(batch[0].chosen.overlap)
                self.journal.begin(task.key for task in batch)
                sent = batch, pool.submit(self._import, [task.task for task in batch])
            if sent is not None:
                self._arrived(*sent, existing)

    def _import(self, tasks: list[dict[str, Any]]) -> list[int | None]:
        """Import tasks and return their numbers; None for a task that is too large even alone."""
        try:
            return [*self.server.import_tasks(self.project, tasks)]
        except TooLarge:
            if len(tasks) == 1:
                return [None]
            half = len(tasks) // 2
            return self._import(tasks[:half]) + self._import(tasks[half:])

    def _arrived(self, batch: list[ReadyTask], future: Future[list[int | None]], existing: ExistingTasks) -> None:
        """Wait for a batch; set its tasks' numbers of annotators, and record it."""
        answered = list(zip(batch, future.result(), strict=True))
        self.missing.failed += [(task.key.sample_id, _TOO_LARGE) for task, number in answered if number is None]
        made = [(task, number) for task, number in answered if number is not None]
        now = time.time()
        pushed = [
            Pushed(task.key.sample_id, task.key.content_sha256, number, task.chosen.stratum, now)
            for task, number in made
        ]
        for task, number in made:
            if task.chosen.overlap != self.people:
                self.server.set_overlap(number, task.chosen.overlap)
            existing.add(task.key, ExistingTask(number, False, task.chosen.overlap, task.chosen.stratum))
            self.missing.current.add(task.key)
        self.reviews.note_pushed(self.own.key, pushed)
        self.newest = made[-1][1] if made else self.newest
        self.added += len(made)
        self.report_progress(f"{self.added} tasks added")

    def _raise_annotators(self, people: int) -> None:
        """In a new project, raise the number of annotators that imported tasks get to the batch's number.

        Label Studio gives the new number to all tasks of the project; but when some tasks have a number above one, it
        gives it to these alone. So the newest task gets a number above one before the change, and loses it afterwards.
        In a project that is not new, each task's number is set by itself.
        """
        if not self.fresh or self.people > 1 or people == 1:
            return
        if self.newest is not None:
            self.server.set_overlap(self.newest, people)
        self.server.update_project(self.project, maximum_annotations=people)
        if self.newest is not None:
            self.server.set_overlap(self.newest, 1)
        self.people = people


def _numbers(tasks: Sequence[int]) -> str:
    """The numbers of some tasks, at most ten of them."""
    shown = ", ".join(map(str, tasks[:10]))
    return f"task {shown}" if len(tasks) == 1 else f"tasks {shown}{', ...' if len(tasks) > 10 else ''} ({len(tasks)})"
