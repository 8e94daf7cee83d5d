"""The latest videos that earlier runs finished, as the watch over repetitions compares them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from curation.binding.parts import CaptionsPart, FramesPart
from curation.binding.repeats import LATEST, Observation, observe
from curation.binding.withdrawal import SUMMARIES
from curation.ledger import tables as t
from curation.ledger.ledger import Ledger
from schemas.records import Extract, Summary

_AT_ONCE = 16  # videos in memory


def finished_observations(ledger: Ledger) -> Iterator[Observation]:
    """The latest 64 videos whose summaries were checked, the latest last; some at a time in memory."""
    r = t.results.c
    latest = sa.select(r.video_id).where(r.stage == SUMMARIES.check, r.current, r.status == "done")
    with ledger.engine.connect() as connection:
        ids = connection.execute(latest.order_by(r.made_at.desc(), r.video_id).limit(LATEST)).scalars().all()
    yield from observations_of(ledger, ids[::-1])


def observations_of(ledger: Ledger, ids: Sequence[str]) -> Iterator[Observation]:
    """Videos as the watch compares them, in this order; those are left out that have a stage before the check due."""
    for video_id, found in records_of(ledger, ids, ("frames", "caption", *SUMMARIES.made)):
        yield observe(
            video_id,
            FramesPart.model_validate_json(found["frames"]),
            CaptionsPart.model_validate_json(found["caption"]),
            Extract.model_validate_json(found["extract"]),
            Summary.model_validate_json(found["refine"]),
        )


def records_of(ledger: Ledger, ids: Sequence[str], stages: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The videos, in this order, that have finished records of all these stages: stage -> payload."""
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        found: dict[str, dict[str, str]] = {}
        for video_id, stage, payload in ledger.payloads(some, stages):
            found.setdefault(video_id, {})[stage] = payload
        yield from ((one, found[one]) for one in some if len(found.get(one, ())) == len(stages))
