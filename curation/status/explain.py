"""Everything that the ledger knows of one video, for `v2xum explain`."""

from __future__ import annotations

import json
from typing import Any

from curation.ledger import duplicates
from curation.ledger.entries import Entry
from curation.ledger.ledger import Ledger
from curation.ledger.stages import EXPORT, STAGE_NAMES
from curation.ledger.standing import StageHashes
from curation.review.applied import AppliedVerdicts
from curation.status.standings import (
    standings,
)


def find(ledger: Ledger, wanted: str) -> list[str]:
    """Ids that a person may mean: the id itself, a prefix of it, a file hash, an address or the end of one, a title."""
    found = []
    contents = ledger.contents()
    for source in ledger.sources():
        record = source.source()
        if source.id == wanted:
            return [wanted]
        names = [source.id, contents.get(source.id, "")]
        if record is not None:
            names += [record.uri, record.uri.rsplit("/", 1)[-1], record.title or ""]
        exact = wanted in names
        if exact or (len(wanted) >= 4 and any(name.startswith(wanted) for name in names[:2])):
            found.append(source.id)
    return found


def explain(ledger: Ledger, settings: StageHashes, video_id: str) -> dict[str, Any]:
    """Everything known of one video: its origin, what every stage made of it, at what cost, and why it stopped."""
    people = AppliedVerdicts(ledger, settings)
    ((registered, where),) = standings(ledger, settings, [video_id], people)
    aside = ledger.duplicates().get(video_id)
    answer: dict[str, Any] = {
        "id": video_id,
        "state": where.state,
        "due": where.stage,
        "source": json.loads(registered.payload) if registered.payload else None,
        "rejections": [],
        "stages": {},
    }
    if aside is not None:
        answer["rejections"].append(json.loads(duplicates.rejection(video_id, *aside).canonical()))
    order = {name: number for number, name in enumerate(("source", *STAGE_NAMES, EXPORT))}
    for entry in sorted(ledger.entries(video_id), key=lambda e: order[e.head.stage]):
        if entry.head.status == "rejected":
            answer["rejections"].append({**json.loads(entry.payload), "attempts": entry.attempts})
        answer["stages"][entry.head.stage] = _stage(entry)
    if video_id in people.found:
        answer["rejections"].append(json.loads(people.found[video_id].canonical()))
    whole = where.state == "sample" or video_id in people.found
    answer |= people.explain(video_id, whole)
    return answer


def _stage(entry: Entry) -> dict[str, Any]:
    return {
        "status": entry.head.status,
        "fingerprint": entry.head.fingerprint,
        "digest": entry.head.digest,
        "runs": entry.attempts,
        "tokens_in": entry.effort.tokens_in,
        "tokens_out": entry.effort.tokens_out,
        "requests": entry.effort.attempts,
        "seconds": round(entry.seconds, 3),
        "record": json.loads(entry.payload),
    }
