"""Finds the chosen samples that have no task in the Label Studio project yet, and builds their tasks."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from annotation.label_studio.access import review_folder
from annotation.push.content_cache import Content, ContentCache
from annotation.push.media import Media
from annotation.push.strata import Chosen
from annotation.push.task import Key, build_task, round_of
from curation.ledger.samples import sample
from curation.pipeline.services import Services
from curation.review.content_hash import content_sha256
from curation.review.rules import too_quick, valid
from curation.review.verdict_store import Reviews
from schemas.audit import Audit
from schemas.errors import StageError
from schemas.records import Sample

CHUNK = 250
SCORES = ("support", "grounding", "judge")  # a task's score is the first of these that the sample's audit has


class Extra(NamedTuple):
    """A sample that is not in the ledger, with the score that its task shows (None: no score)."""

    sample: Sample
    score: float | None = None


class ReadyTask(NamedTuple):
    """A task that is ready to be imported, its key, and the chosen sample that it is for."""

    task: dict[str, Any]
    key: Key
    chosen: Chosen


class MissingTasks:
    """Builds the tasks that a project lacks, and remembers what it left out.

    `overlaps`: how many people must judge each task, by key, for all chosen samples; `unchanged`: samples whose task
    exists; `judged`: ids of samples that enough people have judged; `current`: the keys of both, to which the push adds
    those of the tasks that it made; `failed`: (sample id, reason) of samples that cannot be shown, to which the push
    adds its own. They are complete when `ready` has come to its end.
    """

    def __init__(
        self,
        workspace: Path,
        services: Services,
        reviews: Reviews,
        extra: Mapping[str, Extra],
        again: bool,
        *,
        spoken: bool = False,
    ) -> None:
        """`extra`: samples that are not in the ledger, by id; `again`: ask even for what enough people have judged.

        `spoken`: the project's screen shows transcripts.
        """
        self.overlaps: dict[Key, int] = {}
        self.unchanged = 0
        self.judged: set[str] = set()
        self.current: set[Key] = set()
        self.failed: list[tuple[str, str]] = []
        self._services, self._reviews, self._extra, self._again = services, reviews, extra, again
        self._spoken = spoken
        self._media = Media(workspace, services)
        self._contents = ContentCache(services.ledger, review_folder(workspace) / "contents.json")

    def ready(self, chosen: Sequence[Chosen], existing: Container[Key]) -> Iterator[ReadyTask]:
        """The tasks of the chosen samples, in their order, whose keys do not exist yet.

        Publishes the videos and pictures that a task shows before it is returned.
        """
        wanted = zip(chosen, self._contents_of([one.sample_id for one in chosen]), strict=True)
        while chunk := list(islice(wanted, CHUNK)):
            quick = self._quick(chunk)
            missing = [pair for pair in chunk if not self._exists(pair[0], pair[1].sha256, existing, quick)]
            judged = self._judged_by_enough(missing)
            scores = self._scores([one.sample_id for one, _ in missing])
            for one, content in missing:
                key = Key(one.sample_id, content.sha256, round_of(one.stratum))
                if one.sample_id in judged:
                    self.judged.add(one.sample_id)
                    self.current.add(key)
                    continue
                try:
                    whole = content.sample or sample(self._services.ledger, one.sample_id)
                    shown = self._media.publish(whole)
                except (StageError, FileNotFoundError) as error:
                    self.failed.append((one.sample_id, str(error)))
                    continue
                score = scores.get(one.sample_id)
                task = build_task(whole, content.sha256, one.stratum, shown, score, spoken=self._spoken)
                yield ReadyTask(task, key, one)

    def save(self) -> None:
        """Store the cache of content hashes for the next push."""
        self._contents.save()

    def _contents_of(self, ids: Sequence[str]) -> Iterator[Content]:
        """The content of each sample, in the order given, from the ledger or from the extra samples."""
        of_ledger = self._contents.of([name for name in ids if name not in self._extra])
        for name in ids:
            other = self._extra.get(name)
            yield next(of_ledger) if other is None else Content(name, content_sha256(other.sample), other.sample)

    def _exists(self, one: Chosen, content: str, existing: Container[Key], quick: Mapping[Key, int]) -> bool:
        """Whether the project has the sample's task; after an adjudication a sample needs no first round any more.

        `quick`: how many people judged it too quickly. Label Studio counts their verdicts and the rules do not, so as
        many more people must judge it.
        """
        own = Key(one.sample_id, content, round_of(one.stratum))
        self.overlaps[own] = one.overlap + quick.get(own, 0)
        exists = own in existing or own._replace(round="adjudication") in existing
        if exists:
            self.unchanged += 1
            self.current.add(own)
        return exists

    def _quick(self, chunk: Sequence[tuple[Chosen, Content]]) -> dict[Key, int]:
        """By key how many people have only verdicts on that content that were too quick."""
        rules = self._services.config.review
        people: dict[Key, dict[str, bool]] = {}
        if rules.min_seconds > 0:
            for verdict in self._reviews.verdicts([one.sample_id for one, _ in chunk]):
                if verdict.decision is not None:
                    key = Key(verdict.sample_id, verdict.content_sha256, round_of(verdict.stratum))
                    slow = people.setdefault(key, {})
                    slow[verdict.annotator] = slow.get(verdict.annotator, False) or not too_quick(verdict, rules)
        return {key: sum(not slow for slow in found.values()) for key, found in people.items()}

    def _judged_by_enough(self, missing: Sequence[tuple[Chosen, Content]]) -> set[str]:
        """Ids of samples of which as many people as wanted have judged this content in any project, validly."""
        if self._again or not missing:
            return set()
        wanted = {one.sample_id: (content.sha256, one) for one, content in missing}
        judges: dict[str, set[str]] = {}
        for verdict in self._reviews.verdicts(list(wanted)):
            content, one = wanted[verdict.sample_id]
            same_round = (verdict.stratum == "adjudication") == (one.stratum == "adjudication")
            if same_round and valid(verdict, content, self._services.config.review):
                judges.setdefault(verdict.sample_id, set()).add(verdict.annotator)
        return {name for name, people in judges.items() if len(people) >= wanted[name][1].overlap}

    def _scores(self, ids: Sequence[str]) -> dict[str, float]:
        """The scores that tasks show, by sample id, of the samples that have one."""
        scores = {name: score for name in ids if name in self._extra and (score := self._extra[name].score) is not None}
        for sample_id, _, payload in self._services.ledger.payloads(ids, ("audit",)):
            audited = Audit.model_validate_json(payload).scores()
            if name := next((name for name in SCORES if name in audited), None):
                scores[sample_id] = audited[name]
        return scores


def batches(ready: Iterable[ReadyTask]) -> Iterator[list[ReadyTask]]:
    """The tasks in batches of at most CHUNK; all tasks of a batch are for the same number of annotators."""
    batch: list[ReadyTask] = []
    for task in ready:
        if batch and (len(batch) == CHUNK or batch[-1].chosen.overlap != task.chosen.overlap):
            yield batch
            batch = []
        batch.append(task)
    if batch:
        yield batch
