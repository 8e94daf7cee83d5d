"""Samples become tasks, each once: a second push adds nothing, a killed one is completed by the next.

A task is known by sample, content and round (tasks.Key), which its data carry. What is there is taken from the server
after an interrupted push and from the ledger otherwise; duplicates that two pushes made at once are removed as long as
nobody touched them.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from annotation.label_studio.access import Access, review_folder
from annotation.label_studio.client import LabelStudio
from annotation.label_studio.http import TooLarge
from annotation.label_studio.project import OwnProject, find_project, make_project, media_folder, renew_interface
from annotation.push.content_cache import Content, Contents
from annotation.push.existing_tasks import Held, Journal, held, held_by_note, held_by_server, settle
from annotation.push.media import Media
from annotation.push.missing import CHUNK, SCORES, _Ready
from annotation.push.strata import Chosen
from annotation.push.task import Key, build_task, round_of, task_key
from curation.ledger.samples import sample
from curation.pipeline.services import Services
from curation.review.content_hash import content_sha256
from curation.review.verdict_store import Pushed, Reviews
from schemas.audit import Audit
from schemas.errors import StageError
from schemas.records import Sample

_TOO_LARGE = "its task is larger than the server, or a proxy before it, takes (413); raise that limit and push again"
_CHANGED = (
    "the project's labelling interface was changed by hand; it is left as it is, and what it adds or renames may not "
    "come back (`v2xum review pull` tells)"
)


class Result(NamedTuple):
    """What a push did. `failed`: samples that cannot be shown, and why; `notes`: what the user should know."""

    project: int
    title: str
    url: str
    added: int
    unchanged: int
    replaced: int
    judged: int
    failed: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


class Extra(NamedTuple):
    """A sample that is not in the ledger, with the score that its task shows, as those of others have one."""

    sample: Sample
    score: float | None = None


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
    report_progress: Callable[[str], None] = lambda _: None,
) -> Result:
    """Bring the chosen samples into the project of this title, which is made when it is not there.

    `extra`: those of the chosen that are not in the ledger, by id; `again`: also samples that enough people have judged
    already elsewhere (in a project that is gone, say); `check`: look at every task on the server even if nothing tells
    of a change. Raises ConfigError for a server that cannot be used, RunStopped when it stops answering: the same call
    goes on from there.
    """
    folder = review_folder(workspace)
    with LabelStudio(access) as server:
        server.check()
        marked = find_project(server, title) or make_project(server, title)
        seen = media_folder((folder / "files" / "media").resolve(), access)
        Path(folder / "files" / "media").mkdir(parents=True, exist_ok=True)
        server.serve_folder(marked.project.id, seen)
        marked = renew_interface(server, marked)
        return _Push(workspace, services, server, marked, extra, again, report_progress).run(chosen, check)


class _Push:
    def __init__(
        self,
        workspace: Path,
        services: Services,
        server: LabelStudio,
        marked: OwnProject,
        extra: Mapping[str, Extra],
        again: bool,
        report_progress: Callable[[str], None],
    ) -> None:
        self.extra = extra
        self.services, self.server, self.marked, self.again, self.report_progress = (
            services,
            server,
            marked,
            again,
            report_progress,
        )
        self.project = marked.project.id
        self.people = marked.project.maximum_annotations
        self.fresh = marked.project.tasks == 0
        self.newest: int | None = None
        self.reviews = Reviews(services.ledger)
        self.journal = Journal(self.reviews, marked.key)
        self.media = Media(workspace, services)
        self.contents = Contents(services.ledger, review_folder(workspace) / "contents.json")
        self.held: dict[Key, list[Held]] = {}
        self.keys: dict[str, set[Key]] = {}
        self.overlaps: dict[Key, int] = {}
        self.counts: Counter[str] = Counter()
        self.failed: list[tuple[str, str]] = []

    def run(self, chosen: Sequence[Chosen], check: bool) -> Result:
        """Find what is missing, add it, and take away what it replaces."""
        pushed = self.reviews.pushed(self.marked.key)
        extent = self.server.extent(self.project)
        untouched = extent == (0, 0) and not pushed and self.journal.begun() is None  # a new project: nothing to find
        whole = not check and (untouched or self.journal.finished() == extent)
        self.held = held_by_note(pushed) if whole else settle(self.server, self.project, self.journal)
        if not whole:
            self._note_found(pushed)
        for key in self.held:
            self.keys.setdefault(key.sample_id, set()).add(key)
        # Those for one person first: the project's number of annotators can be raised later without touching them.
        added = self._add(self._ready(sorted(chosen, key=lambda one: one.overlap)))
        self.contents.save()
        if not whole:
            self._unite()
        if added or not whole:
            self.journal.finish(self.server.extent(self.project))
        return Result(
            project=self.project,
            title=self.marked.project.title,
            url=f"{self.server.url}/projects/{self.project}/",
            added=added,
            unchanged=self.counts["unchanged"],
            replaced=self.counts["replaced"],
            judged=self.counts["judged"],
            failed=tuple(self.failed),
            notes=(_CHANGED,) if self.marked.changed else (),
        )

    # ---- what is missing

    def _ready(self, chosen: Sequence[Chosen]) -> Iterator[_Ready]:
        """Tasks of the chosen samples that the project lacks."""
        wanted = zip(chosen, self._contents([one.sample_id for one in chosen]), strict=True)
        while chunk := list(islice(wanted, CHUNK)):
            missing = [(one, content) for one, content in chunk if not self._is_held(one, content.sha256)]
            judged = self._judged(missing)
            scores = self._scores([one.sample_id for one, _ in missing])
            for one, content in missing:
                if one.sample_id in judged:
                    self.counts["judged"] += 1
                    continue
                try:
                    whole = content.sample or sample(self.services.ledger, one.sample_id)
                    shown = self.media.publish(whole)
                except (StageError, FileNotFoundError) as error:
                    self.failed.append((one.sample_id, str(error)))
                    continue
                task = build_task(whole, content.sha256, one.stratum, shown, scores.get(one.sample_id))
                yield _Ready(task, Key(one.sample_id, content.sha256, round_of(one.stratum)), one)

    def _contents(self, ids: Sequence[str]) -> Iterator[Content]:
        """The content of each sample, in the order given, wherever it comes from."""
        of_ledger = self.contents.of([name for name in ids if name not in self.extra])
        for name in ids:
            other = self.extra.get(name)
            yield next(of_ledger) if other is None else Content(name, content_sha256(other.sample), other.sample)

    def _is_held(self, one: Chosen, content: str) -> bool:
        """Whether the project has a task for it; one that was adjudicated once needs no first round any more."""
        own = Key(one.sample_id, content, round_of(one.stratum))
        self.overlaps[own] = one.overlap
        there = own in self.held or own._replace(round="adjudication") in self.held
        self.counts["unchanged"] += there
        return there

    def _judged(self, missing: Sequence[tuple[Chosen, Content]]) -> set[str]:
        """Samples that as many people as wanted have judged on this very content, in whatever project."""
        if self.again or not missing:
            return set()
        wanted = {one.sample_id: (content.sha256, one) for one, content in missing}
        judges: dict[str, set[str]] = {}
        for verdict in self.reviews.verdicts(list(wanted)):
            content, one = wanted[verdict.sample_id]
            same_round = (verdict.stratum == "adjudication") == (one.stratum == "adjudication")
            if verdict.decision is not None and verdict.content_sha256 == content and same_round:
                judges.setdefault(verdict.sample_id, set()).add(verdict.annotator)
        return {name for name, people in judges.items() if len(people) >= wanted[name][1].overlap}

    def _scores(self, ids: Sequence[str]) -> dict[str, float]:
        """How good samples are by their audits, of those that have one."""
        found = {name: score for name in ids if name in self.extra and (score := self.extra[name].score) is not None}
        for sample_id, _, payload in self.services.ledger.payloads(ids, ("audit",)):
            scores = Audit.model_validate_json(payload).scores()
            if name := next((name for name in SCORES if name in scores), None):
                found[sample_id] = scores[name]
        return found

    # ---- adding

    def _add(self, ready: Iterator[_Ready]) -> int:
        """Send batches, one under way while the next is made; each is in the ledger before and after."""
        added = 0
        with ThreadPoolExecutor(1, "push") as pool:
            sent: tuple[list[_Ready], Future[list[int | None]]] | None = None
            for batch in _batches(ready):
                if sent is not None:
                    added += self._arrived(*sent)
                self._annotators(batch[0].chosen.overlap)
                self.journal.begin(one.key for one in batch)
                sent = batch, pool.submit(self._import, [one.task for one in batch])
            if sent is not None:
                added += self._arrived(*sent)
        return added

    def _import(self, tasks: list[dict[str, Any]]) -> list[int | None]:
        """The tasks' numbers; None for one that the server does not even take alone."""
        try:
            return [*self.server.import_tasks(self.project, tasks)]
        except TooLarge:
            if len(tasks) == 1:
                return [None]
            half = len(tasks) // 2
            return self._import(tasks[:half]) + self._import(tasks[half:])

    def _arrived(self, batch: list[_Ready], future: Future[list[int | None]]) -> int:
        answered = list(zip(batch, future.result(), strict=True))
        self.failed += [(one.key.sample_id, _TOO_LARGE) for one, number in answered if number is None]
        made = [(one, number) for one, number in answered if number is not None]
        now = time.time()
        pushed = [
            Pushed(one.key.sample_id, one.key.content_sha256, number, one.chosen.stratum, now) for one, number in made
        ]
        for one, number in made:
            if one.chosen.overlap != self.people:
                self.server.set_overlap(number, one.chosen.overlap)
            self._retire(one.key)
        self.reviews.note_pushed(self.marked.key, pushed)
        self.newest = made[-1][1] if made else self.newest
        self.counts["added"] += len(made)
        self.report_progress(f"{self.counts['added']} tasks added")
        return len(made)

    def _annotators(self, people: int) -> None:
        """In a new project raise the number of annotators that imported tasks get, when those for one person are there.

        Label Studio gives the new number to all tasks, but where some have more than one to these alone: so one task
        gets it beforehand, and loses it afterwards. In a project that is not new each task's number is set by itself.
        """
        if not self.fresh or self.people > 1 or people == 1:
            return
        if self.newest is not None:
            self.server.set_overlap(self.newest, people)
        self.server.update_project(self.project, maximum_annotations=people)
        if self.newest is not None:
            self.server.set_overlap(self.newest, 1)
        self.people = people

    def _retire(self, key: Key) -> None:
        """Remove open tasks of a sample's former contents, now that the new one is there; touched ones stay."""
        former = {other for other in self.keys.get(key.sample_id, ()) if other.content_sha256 != key.content_sha256}
        for old in former:
            for one in self.held.pop(old, ()):
                self.counts["replaced"] += self._remove(one.task_id)

    def _remove(self, number: int) -> int:
        """Delete a task unless somebody has touched it by now; 1 when it went."""
        row = self.server.task(number)
        if row is None or task_key(row.get("data")) is None or held(row).touched:
            return 0
        self.server.delete_task(number)
        return 1

    # ---- after an interruption

    def _note_found(self, pushed: dict[str, Pushed]) -> None:
        """Tell the ledger of tasks that an earlier push made without coming to note them."""
        now = time.time()
        self.reviews.note_pushed(
            self.marked.key,
            (
                Pushed(key.sample_id, key.content_sha256, tasks[0].task_id, tasks[0].stratum, now)
                for key, tasks in self.held.items()
                if key.sample_id not in pushed
            ),
        )

    def _unite(self) -> None:
        """Of several open tasks with one key leave one, and give each the number of annotators that it should have.

        Of two that were touched both stay: what people did comes back from both.
        """
        for key, tasks in held_by_server(self.server, self.project).items():
            kept, *doubles = sorted(tasks, key=lambda one: (not one.touched, one.task_id))
            for double in doubles:
                self._remove(double.task_id)
            people = self.overlaps.get(key)
            if people is not None and kept.overlap is not None and kept.overlap != people:
                self.server.set_overlap(kept.task_id, people)


def _batches(ready: Iterable[_Ready]) -> Iterator[list[_Ready]]:
    """Tasks in batches, each for one number of annotators."""
    batch: list[_Ready] = []
    for one in ready:
        if batch and (len(batch) == CHUNK or batch[-1].chosen.overlap != one.chosen.overlap):
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch
