"""Brings people's annotations into the ledger as verdicts. Every version of an annotation is stored once, for ever.

A pull reads the tasks that changed since the last pull (`cursor.py`), or all tasks again, which stores nothing twice:
when the server was restored from an older backup, its newest change is older than that of the last pull.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from annotation.gold_answers import known_answers
from annotation.label_studio.access import Access, Pseudonyms, review_folder
from annotation.label_studio.client import LabelStudio, Project
from annotation.label_studio.project import OwnProject, find_project
from annotation.pull.cursor import Cursor
from annotation.pull.pseudonyms import pseudonyms_of
from annotation.pull.read_annotation import EMPTY, SKIPPED, read_annotation
from annotation.pull.task_data import Unreadable
from curation.ledger.ledger import Ledger
from curation.review.verdict_store import DATED_AHEAD, Reviews
from curation.store.files import write_whole
from schemas.errors import ConfigError
from schemas.review import Verdict

_STORED = 100


class Result(NamedTuple):
    """The outcome of a pull.

    `tasks`, `annotations`: how many were read; `new`: stored verdicts; `skipped`: annotations of people who skipped the
    task; `drafts`: annotations that are not submitted yet; `open`: tasks that wait for a verdict; `completed`: the
    number of the project's tasks when the last open one was judged since the last pull, else 0; `problems`: annotations
    that were not understood in full, and where they are stored; `notes`: texts for the user.
    """

    project: int
    key: str
    title: str
    tasks: int
    annotations: int
    new: int
    skipped: int
    drafts: int
    open: int
    completed: int
    problems: tuple[str, ...]
    notes: tuple[str, ...]


def pull(
    workspace: Path,
    ledger: Ledger,
    access: Access,
    title: str,
    *,
    everything: bool = False,
    report_progress: Callable[[str], None] = lambda _: None,
) -> Result:
    """Store the verdicts of the project of this title that the ledger does not have yet.

    `everything`: read all tasks and not only those that changed. Raises ConfigError when there is no such project (the
    verdicts of former pulls are kept), the answers to gold questions cannot be read, or the key of pseudonyms is lost;
    RunStopped when the server stops answering (the verdicts that were read until then are stored).
    """
    reviews, pseudonyms = Reviews(ledger), pseudonyms_of(workspace, ledger)
    with LabelStudio(access) as server:
        server.check()
        own = find_project(server, title)
        if own is None:
            kept = sum(1 for _ in reviews.verdicts())
            raise ConfigError(
                f"{access.url}: it has no project {title!r} (deleted, renamed, or never pushed); the {kept} verdicts "
                "that were pulled before are kept in the ledger"
            )
        cursor = Cursor(reviews, server, own, everything)
        return _Pull(workspace, reviews, pseudonyms, server, own, cursor, report_progress).run()


class _Pull:
    def __init__(
        self,
        workspace: Path,
        reviews: Reviews,
        pseudonyms: Pseudonyms,
        server: LabelStudio,
        own: OwnProject,
        cursor: Cursor,
        report_progress: Callable[[str], None],
    ) -> None:
        self.reviews, self.server, self.own, self.report_progress = reviews, server, own, report_progress
        self.cursor = cursor
        self.folder = review_folder(workspace) / "unclear"
        self.pseudonyms = pseudonyms
        self.users = server.users()
        self.gold = known_answers(workspace)
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []

    def run(self) -> Result:
        """Read page by page; the cursor moves only when everything is stored."""
        number = self.own.project.id
        verdicts = self._verdicts(self.server.tasks(number, self.cursor.after, whole=True))
        while batch := list(islice(verdicts, _STORED)):
            self.counts["new"] += self.reviews.store(batch)
            self.report_progress(f"{self.counts['annotations']} annotations read")
        self.cursor.save()
        notes = list(self.cursor.notes)
        now = self.server.project(number) or self.own.project
        if self.own.changed:
            notes.append("the project's labelling interface was changed by hand: unknown fields are listed")
        return Result(
            project=number,
            key=self.own.key,
            title=self.own.project.title,
            tasks=self.counts["tasks"],
            annotations=self.counts["annotations"],
            new=self.counts["new"],
            skipped=self.counts["skipped"],
            drafts=self.counts["drafts"],
            open=max(0, now.tasks - now.finished),
            completed=self._completed(now),
            problems=tuple(self.problems),
            notes=tuple(notes),
        )

    def _completed(self, now: Project) -> int:
        """The number of tasks when the last open one was judged since the last pull; else 0."""
        name = f"complete {self.own.key}"
        complete = now.tasks if 0 < now.tasks <= now.finished else 0
        if str(complete) == (self.reviews.cursor(name) or "0"):
            return 0
        self.reviews.set_cursor(name, str(complete))
        return complete

    def _verdicts(self, tasks: Iterator[dict[str, Any]]) -> Iterator[Verdict]:
        for task in tasks:
            self.counts["tasks"] += 1
            self.cursor.note_task(task)
            drafts = task.get("drafts")
            self.counts["drafts"] += len(drafts) if isinstance(drafts, list) else 0
            annotations = task.get("annotations")
            for annotation in annotations if isinstance(annotations, list) else []:
                self.counts["annotations"] += 1
                verdict = self._verdict(task, annotation)
                if verdict is not None:
                    yield verdict

    def _verdict(self, task: Mapping[str, Any], annotation: Any) -> Verdict | None:
        where = f"task {task.get('id')}, annotation {annotation.get('id') if isinstance(annotation, dict) else '?'}"
        try:
            if not isinstance(annotation, dict):
                raise Unreadable("it is not a record")
            verdict = read_annotation(task, annotation, self.own.key, self._annotator(annotation.get("completed_by")))
        except Unreadable as error:
            self._keep(task, annotation)
            self.problems.append(f"{where}: {error}; kept in {self.folder}")
            return None
        if verdict.sample_id in self.gold:  # the task's data hide it, because annotators can read them
            verdict = verdict.model_copy(update={"stratum": "gold"})
        self.counts["skipped"] += SKIPPED in verdict.problems
        unclear = [problem for problem in verdict.problems if problem not in (SKIPPED, EMPTY)]
        if self.cursor.dated_ahead(verdict.updated_at):
            verdict = verdict.model_copy(update={"problems": (DATED_AHEAD, *verdict.problems)})
        if unclear:
            self._keep(task, annotation)
            self.problems.append(f"{where}: {'; '.join(unclear)}; kept in {self.folder}")
        return verdict

    def _annotator(self, by: Any) -> str:
        """The pseudonym of the person who made an annotation; `by` is what the server tells of the person.

        It follows from the e-mail address, which is the same on every server; without one from the user's number.
        """
        if isinstance(by, dict):
            by = by.get("email") or by.get("id")
        known = self.users.get(by, by) if isinstance(by, int) else by
        return self.pseudonyms.of(known if isinstance(known, str) else f"user {known} of {self.own.key}")

    def _keep(self, task: Mapping[str, Any], annotation: Any) -> None:
        """Store a whole annotation in a file named by the hash of its content, so that a change makes another file."""
        anonymous = annotation
        if isinstance(annotation, dict):  # without names and addresses
            personal = ("completed_by", "created_username", "updated_by")
            anonymous = {name: value for name, value in annotation.items() if name not in personal}
        record = {"project": self.own.key, "task": task.get("id"), "data": task.get("data"), "annotation": anonymous}
        text = json.dumps(record, ensure_ascii=False, indent=1, sort_keys=True)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        path = self.folder / f"{hashlib.sha256(text.encode(errors='replace')).hexdigest()[:32]}.json"
        write_whole(path, text)
