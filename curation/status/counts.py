"""Counts for `v2xum status`: every video in exactly one of sample, rejected, retryable, pending."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

from curation.ledger import duplicates
from curation.ledger.ledger import Ledger
from curation.ledger.stages import STAGE_NAMES
from curation.ledger.standing import StageHashes
from curation.review.applied import AppliedVerdicts
from curation.status.standings import (
    walk,
)


def summarize(ledger: Ledger, settings: StageHashes) -> dict[str, Any]:
    """Counts for `v2xum status`: every video in exactly one of samples, rejected, retryable, pending.

    `stages` gives per stage: done and rejected now, and what the last run made, reused and rejected.
    """
    states: Counter[str] = Counter()
    due: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    done: dict[str, Counter[str]] = defaultdict(Counter)
    aside = ledger.duplicates()
    people = AppliedVerdicts(ledger, settings)
    for source, heads, where in walk(ledger, settings, people=people):
        states[where.state] += 1
        if where.stage is not None:
            due[where.stage] += 1
        for stage, head in heads.items():
            done[stage][head.status] += 1
            if head.status == "rejected" and source.id not in aside:
                reasons[f"{stage}: {head.reason}"] += 1
    for video_id, (of, sha) in aside.items():
        duplicate = duplicates.rejection(video_id, of, sha)
        reasons[f"{duplicate.stage}: {duplicate.reason}"] += 1
    for rejection in people.found.values():
        reasons[f"{rejection.stage}: {rejection.reason}"] += 1
    last = ledger.last_run()
    last_stages = last["stages"] if last else {}
    return {
        "videos": states.total(),
        "samples": states["sample"],
        "rejected": states["rejected"],
        "retryable": states["retryable"],
        "pending": states["pending"],
        "stages": {
            stage: {
                "done": done[stage]["done"],
                "rejected": done[stage]["rejected"],
                "due": due[stage],
                "last_run": last_stages.get(stage, {"made": 0, "reused": 0, "rejected": 0}),
            }
            for stage in STAGE_NAMES
        },
        "reasons": dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
        "last_run": {"number": last["number"], "outcome": last["outcome"]} if last else None,
    }
