"""The latest videos that earlier runs finished, as the watch over repetitions compares them."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from curation.binding.repeats import LATEST, Observation, observe
from curation.binding.withdrawal import SUMMARIES
from curation.ledger import tables as t
from curation.ledger.ledger import Ledger
from schemas.records import CaptionSet, Extract, FrameSet, Summary


def finished_observations(ledger: Ledger) -> Iterator[Observation]:
    """The latest 64 videos whose summaries were checked, the latest last; one at a time in memory."""
    r = t.results.c
    latest = sa.select(r.video_id).where(r.stage == SUMMARIES.check, r.current, r.status == "done")
    with ledger.engine.connect() as connection:
        ids = connection.execute(latest.order_by(r.made_at.desc(), r.video_id).limit(LATEST)).scalars().all()
    for video_id in reversed(ids):
        observed = finished_observation(ledger, video_id)
        if observed is not None:
            yield observed


def finished_observation(ledger: Ledger, video_id: str) -> Observation | None:
    """A video as the watch compares it; None where a stage before the check is due again."""
    payloads = {s: p for _, s, p in ledger.payloads([video_id], ("frames", "caption", *SUMMARIES.made))}
    if len(payloads) < 4:
        return None
    return observe(
        video_id,
        FrameSet.model_validate_json(payloads["frames"]),
        CaptionSet.model_validate_json(payloads["caption"]),
        Extract.model_validate_json(payloads["extract"]),
        Summary.model_validate_json(payloads["refine"]),
    )
