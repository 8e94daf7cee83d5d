"""The verdicts of a ledger applied to its samples: which of them people rejected, and how the others are published."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from curation.ledger.ledger import Ledger
from curation.ledger.samples import sample, samples_of
from curation.review.content_hash import content_sha256
from curation.review.rules import applied, counted, ruling
from curation.review.verdict_store import Reviews
from schemas.records import Rejection, Sample
from schemas.review import Verdict
from schemas.review_config import ReviewConfig


class AppliedVerdicts:
    """What people said, for one walk over the ledger. Asks the database little where nobody has judged anything."""

    def __init__(self, ledger: Ledger, rules: ReviewConfig) -> None:
        """Read which samples have a verdict that could reject them."""
        self._ledger = ledger
        self._reviews = Reviews(ledger)
        self._rules = rules
        self.suspects = self._reviews.judged("reject")
        self.found: dict[str, Rejection] = {}
        self._suspects = set(self.suspects)

    def rejections(self, ids: Sequence[str]) -> dict[str, Rejection]:
        """Those of some finished samples that people rejected; `found` keeps them."""
        suspected = [name for name in ids if name in self._suspects]
        rejected = {}
        for name, verdicts in self._grouped(suspected).items():
            outcome = applied(sample(self._ledger, name), verdicts, self._rules)
            if isinstance(outcome, Rejection):
                rejected[name] = outcome
        self.found |= rejected
        return rejected

    def applied(self, ids: Sequence[str]) -> Iterator[Sample]:
        """Finished samples as they are published, in the order given; those that people rejected are left out."""
        verdicts = self._grouped(ids)
        for name, made in zip(ids, samples_of(self._ledger, ids), strict=True):
            outcome = applied(made, verdicts[name], self._rules) if name in verdicts else made
            if isinstance(outcome, Sample):
                yield outcome

    def disputed(self, ids: Sequence[str]) -> set[str]:
        """Those of some finished samples that wait for an adjudicator."""
        found = self._grouped(ids).items()
        rulings = ((name, ruling(sample(self._ledger, name), given, self._rules)) for name, given in found)
        return {name for name, found in rulings if found.outcome == "disputed"}

    def explain(self, video_id: str, whole: bool) -> dict[str, Any]:
        """`verdicts`: all that were ever given, each with whether it counts; `review`: what they come to, if `whole`.

        `whole` says that the video is a finished sample.
        """
        verdicts = list(self._reviews.verdicts([video_id]))
        made = sample(self._ledger, video_id) if whole and verdicts else None
        counting = set()
        review: dict[str, Any] | None = None
        if made is not None:
            counting = {v.canonical() for v in counted(verdicts, video_id, content_sha256(made), self._rules)}
            outcome = applied(made, verdicts, self._rules)
            review = json.loads(outcome.review.canonical()) if isinstance(outcome, Sample) else {"status": "rejected"}
        told = [{**json.loads(v.canonical()), "counts": v.canonical() in counting} for v in verdicts]
        return {"verdicts": told, "review": review}

    def _grouped(self, ids: Sequence[str]) -> dict[str, list[Verdict]]:
        found: dict[str, list[Verdict]] = defaultdict(list)
        for verdict in self._reviews.verdicts(ids) if ids else ():
            found[verdict.sample_id].append(verdict)
        return dict(found)
