"""Counts for `v2xum status`: every video in exactly one of sample, rejected, retryable, pending."""

from __future__ import annotations

from collections import Counter

from curation.ledger.stages import STAGES
from curation.status.stage_counts import StageCounts
from curation.status.standings import Standings
from curation.status.view import LedgerView
from schemas.documents.status import LastRunCounts, RunOutcome, StageStatus, WorkspaceStatus
from schemas.kit.most_first import most_first


def summarize(view: LedgerView) -> WorkspaceStatus:
    """Count the videos of a ledger by where they stand, by stage, and by why they are out."""
    states: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    by_stage = StageCounts(view.hashes)
    outdated: Counter[str] = Counter()
    poison = 0
    for one in Standings(view).walk():
        states[one.where.state] += 1
        outdated.update([one.where.stage] if one.outdated and one.where.stage is not None else [])
        by_stage.count(one)
        if one.why is not None:
            reasons[str(one.why)] += 1
            poison += one.why.error_class == "poison"
    last = view.ledger.last_run()
    names = tuple(stage.name for stage in STAGES.of(view.hashes.on))
    return WorkspaceStatus(
        videos=states.total(),
        samples=states["sample"],
        rejected=states["rejected"],
        retryable=states["retryable"],
        pending=states["pending"],
        outdated=dict(outdated),
        stages={
            stage: StageStatus(
                done=by_stage.done[stage],
                rejected=by_stage.rejected[stage],
                due=by_stage.due[stage],
                last_run=LastRunCounts(**last.stages.get(stage, {})) if last is not None else LastRunCounts(),
            )
            for stage in names
        },
        elsewhere={place: count for place, count in by_stage.rejected.items() if place not in names},
        reasons=most_first(reasons),
        poison=poison,
        last_run=RunOutcome(number=last.number, outcome=last.outcome) if last is not None else None,
    )
