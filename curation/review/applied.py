"""Applies the verdicts in a ledger to its samples: samples that people rejected, and samples with their edits."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from curation.ledger.ledger import Ledger
from curation.ledger.samples import sample, samples_of
from curation.review.content_hash import content_sha256
from curation.review.rules import Ruled, Ruling, applied, counted, ruling
from curation.review.verdict_store import Reviews
from schemas.configuration.review_config import ReviewConfig
from schemas.records import Rejection, Sample
from schemas.review import Verdict

_CHUNK = 500


class AppliedVerdicts:
    """The verdicts of people, for one pass over the ledger. Without any verdict it asks the database very little."""

    def __init__(self, ledger: Ledger, rules: ReviewConfig, on: Collection[str] | None = None) -> None:
        """Read the ids of the samples that have a verdict `reject`: only these can be rejected.

        `on` are the optional stages of the configuration, as for `samples_of`.
        """
        self._ledger = ledger
        self._on = on
        self._reviews = Reviews(ledger)
        self._rules = rules
        self.suspects = self._reviews.judged("reject")
        self.found: dict[str, Rejection] = {}
        self._suspects = set(self.suspects)

    def rejections(self, ids: Sequence[str]) -> dict[str, Rejection]:
        """The rejections among these finished samples, by id; `found` collects them over all calls."""
        suspected = [name for name in ids if name in self._suspects]
        rejected = {}
        for name, verdicts in self._grouped(suspected).items():
            outcome = applied(sample(self._ledger, name, self._on), verdicts, self._rules)
            if isinstance(outcome, Rejection):
                rejected[name] = outcome
        self.found |= rejected
        return rejected

    def applied(self, ids: Sequence[str]) -> Iterator[Sample]:
        """Yield finished samples as they are published, in the given order, without those that people rejected."""
        verdicts = self._grouped(ids)
        for name, made in zip(ids, samples_of(self._ledger, ids, self._on), strict=True):
            outcome = applied(made, verdicts[name], self._rules) if name in verdicts else made
            if isinstance(outcome, Sample):
                yield outcome

    def rulings(self, ids: Sequence[str]) -> Iterator[tuple[Sample, Ruling]]:
        """Judged ones among these finished samples, as the models made them, with what the rules say, in that order."""
        for start in range(0, len(ids), _CHUNK):
            verdicts = self._grouped(ids[start : start + _CHUNK])
            judged = [name for name in ids[start : start + _CHUNK] if name in verdicts]
            for made in samples_of(self._ledger, judged, self._on):
                yield made, ruling(made, verdicts[made.video.id], self._rules)

    def judged(self) -> list[str]:
        """The sorted ids of the samples that have a finished verdict, whether it counts or not."""
        return self._reviews.judged()

    def accepted(self, ids: Sequence[str]) -> set[str]:
        """The ids among these finished samples that people accepted, unchanged or with edits."""
        return {name for name, outcome in self._outcomes(ids) if outcome in ("accept", "fix")}

    def disputed(self, ids: Sequence[str]) -> set[str]:
        """The ids among these finished samples that wait for an adjudicator."""
        return {name for name, outcome in self._outcomes(ids) if outcome == "disputed"}

    def explain(self, video_id: str, whole: bool) -> dict[str, Any]:
        """A video's verdicts for `explain`: `verdicts` lists all of them, `review` is their result.

        Each verdict has `counts`: whether it counts. `whole` says that the video is a finished sample; otherwise
        `review` is None and no verdict counts.
        """
        verdicts = list(self._reviews.verdicts([video_id]))
        made = sample(self._ledger, video_id, self._on) if whole and verdicts else None
        counting = set()
        review: dict[str, Any] | None = None
        if made is not None:
            counting = {v.canonical() for v in counted(verdicts, video_id, content_sha256(made), self._rules)}
            outcome = applied(made, verdicts, self._rules)
            review = json.loads(outcome.review.canonical()) if isinstance(outcome, Sample) else {"status": "rejected"}
        listed = [{**json.loads(v.canonical()), "counts": v.canonical() in counting} for v in verdicts]
        return {"verdicts": listed, "review": review}

    def _outcomes(self, ids: Sequence[str]) -> Iterator[tuple[str, Ruled]]:
        for name, verdicts in self._grouped(ids).items():
            yield name, ruling(sample(self._ledger, name, self._on), verdicts, self._rules).outcome

    def _grouped(self, ids: Sequence[str]) -> dict[str, list[Verdict]]:
        grouped: dict[str, list[Verdict]] = defaultdict(list)
        for verdict in self._reviews.verdicts(ids) if ids else ():
            grouped[verdict.sample_id].append(verdict)
        return dict(grouped)
