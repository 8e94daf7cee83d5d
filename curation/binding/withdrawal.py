"""Keeps the canary results of captions until the captions are checked, and withdraws captions that may be wrong."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa

from curation.ledger import tables as t
from curation.ledger.ledger import Ledger
from curation.ledger.stages import STAGES
from schemas.binding import CanaryOutcomes

_WITHDRAWN = "caption"  # the stage whose results are withdrawn, with its checks


class Withdrawn(NamedTuple):
    """The videos whose captions were withdrawn, and the number of stored replies that were deleted."""

    videos: tuple[str, ...]
    replies: int


def keep_canaries(ledger: Ledger, video_id: str, outcomes: CanaryOutcomes) -> None:
    """Keep the canary results of a video; they replace its former ones."""
    with ledger.engine.begin() as connection:
        connection.execute(sa.delete(t.canaries).where(t.canaries.c.video_id == video_id))
        values = {"video_id": video_id, "outcomes": outcomes.canonical(), "made_at": time.time()}
        connection.execute(sa.insert(t.canaries).values(values))


def canaries_of(ledger: Ledger, video_id: str) -> CanaryOutcomes:
    """The canary results of a video's latest captions; empty where there were no canaries."""
    query = sa.select(t.canaries.c.outcomes).where(t.canaries.c.video_id == video_id)
    with ledger.engine.connect() as connection:
        payload = connection.execute(query).scalar()
    return CanaryOutcomes.model_validate_json(payload) if payload else CanaryOutcomes()


def withdraw(ledger: Ledger, watched: Iterable[str], model: str, since: float) -> Withdrawn:
    """Withdraw, in one transaction, captions that may be wrong, and the replies that they were made from.

    These are the captions of the `watched` videos and of all videos that were never checked. Replies of `model` are
    deleted when they were stored after `since` (unix time), after the first of these captions was begun, or after the
    end of the last finished run, whichever is earliest. An unfinished run may have left replies of no caption yet.
    """
    r, runs, replies = t.results, t.runs.c, t.replies.c
    captioned = sa.and_(r.c.stage == _WITHDRAWN, r.c.current, r.c.status == "done")
    other = r.alias()
    unchecked = ~sa.exists().where(other.c.video_id == r.c.video_id, other.c.stage == "binding", other.c.current)
    wanted = set(watched)
    with ledger.engine.begin() as connection:
        ids = wanted | set(connection.execute(sa.select(r.c.video_id).where(captioned, unchecked)).scalars())
        begun = {
            video_id: started
            for video_id, started in connection.execute(
                sa.select(r.c.video_id, r.c.made_at - r.c.seconds).where(captioned)
            )
            if video_id in ids
        }
        finished = connection.execute(sa.select(sa.func.max(runs.ended_at)).where(runs.outcome == "finished")).scalar()
        for video_id in sorted(ids):
            connection.execute(
                sa.delete(r).where(
                    r.c.video_id == video_id, r.c.stage.in_(STAGES.checked_with(_WITHDRAWN)), r.c.current
                )
            )
            connection.execute(sa.delete(t.canaries).where(t.canaries.c.video_id == video_id))
        first = min([since, finished or 0.0, *begun.values()])
        gone = connection.execute(sa.delete(t.replies).where(replies.model == model, replies.made_at >= first))
    return Withdrawn(tuple(sorted(ids)), gone.rowcount)
