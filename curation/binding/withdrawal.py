"""Keeps the canary results of captions until the captions are checked, and withdraws results that may be wrong."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from curation.ledger import tables as t
from curation.ledger.ledger import Ledger
from curation.ledger.properties import note_withdrawal
from curation.ledger.stages import STAGES
from schemas.binding import CanaryOutcomes


class Suspects(NamedTuple):
    """What an alarm withdraws: the results of the stages `made`, in order, with the checks of the last of them.

    A result that has no result of the stage `check` was never checked.
    """

    made: tuple[str, ...]
    check: str


CAPTIONS = Suspects(("caption",), "binding")
SUMMARIES = Suspects(("extract", "refine"), "audit")


class Withdrawn(NamedTuple):
    """The videos whose results were withdrawn, and the number of stored replies that were deleted."""

    videos: tuple[str, ...]
    replies: int


def keep_canaries(ledger: Ledger, video_id: str, outcomes: CanaryOutcomes) -> None:
    """Keep the canary results of a video; they replace its former ones."""
    with ledger.writing() as connection:
        connection.execute(sa.delete(t.canaries).where(t.canaries.c.video_id == video_id))
        values = {"video_id": video_id, "outcomes": outcomes.canonical(), "made_at": time.time()}
        connection.execute(sa.insert(t.canaries).values(values))


def canaries_of(ledger: Ledger, ids: Sequence[str]) -> dict[str, CanaryOutcomes]:
    """The canary results of the latest captions of some hundred videos at most; none of a video without canaries."""
    query = sa.select(t.canaries.c.video_id, t.canaries.c.outcomes).where(t.canaries.c.video_id.in_(ids))
    with ledger.engine.connect() as connection:
        return {video_id: CanaryOutcomes.model_validate_json(kept) for video_id, kept in connection.execute(query)}


def withdraw(
    ledger: Ledger, watched: Iterable[str], models: Iterable[str], since: float, suspects: Suspects = CAPTIONS
) -> Withdrawn:
    """Withdraw, in one transaction, results that may be wrong, and the replies that they were made from.

    These are the results of the `watched` videos and of all videos that were never checked. Replies of `models` are
    deleted when they were stored after `since` (unix time), after the first of these results was begun, or after the
    end of the last finished run, whichever is earliest. An unfinished run may have left replies of no result yet.
    """
    r, runs, replies = t.results, t.runs.c, t.replies.c
    made = sa.and_(r.c.stage.in_(suspects.made), r.c.current, r.c.status == "done")
    other = r.alias()
    unchecked = ~sa.exists().where(other.c.video_id == r.c.video_id, other.c.stage == suspects.check, other.c.current)
    gone_stages = {*suspects.made, *STAGES.checked_with(suspects.made[-1])}
    wanted = set(watched)
    with ledger.writing() as connection:
        note_withdrawal(connection)
        ids = wanted | set(connection.execute(sa.select(r.c.video_id).where(made, unchecked)).scalars())
        begun = [
            started
            for video_id, started in connection.execute(sa.select(r.c.video_id, r.c.made_at - r.c.seconds).where(made))
            if video_id in ids
        ]
        finished = connection.execute(sa.select(sa.func.max(runs.ended_at)).where(runs.outcome == "finished")).scalar()
        for video_id in sorted(ids):
            connection.execute(sa.delete(r).where(r.c.video_id == video_id, r.c.stage.in_(gone_stages), r.c.current))
            if suspects == CAPTIONS:
                connection.execute(sa.delete(t.canaries).where(t.canaries.c.video_id == video_id))
        first = min([since, finished or 0.0, *begun])
        gone = connection.execute(sa.delete(t.replies).where(replies.model.in_([*models]), replies.made_at >= first))
    return Withdrawn(tuple(sorted(ids)), gone.rowcount)
