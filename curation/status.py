"""Reads the ledger for people: how far a run is, and everything known of one video."""

from __future__ import annotations

import heapq
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from curation import duplicates
from curation.entries import Entry, Head, Registered
from curation.ledger import Ledger
from curation.pipeline import EXPORT, STAGE_NAMES, Settings, Standing, standing
from schemas.records import CaptionSet, Extract, FrameSet, Judgement, Rejection, Sample, Summary, Video

_CHUNK = 500


def walk(
    ledger: Ledger, settings: Settings, ids: Sequence[str] | None = None
) -> Iterator[tuple[Registered, Mapping[str, Head], Standing]]:
    """Every video by position, its current results, and where it stands; duplicates count as rejected.

    Memory holds some hundred videos at a time.
    """
    aside = ledger.duplicates()
    sources = ledger.sources(ids)
    while chunk := list(islice(sources, _CHUNK)):
        heads = ledger.heads([source.id for source in chunk])
        for source in chunk:
            own = heads.get(source.id, {})
            duplicate = source.id in aside
            yield source, own, Standing("rejected", None) if duplicate else standing(source, own, settings)


def standings(
    ledger: Ledger, settings: Settings, ids: Sequence[str] | None = None
) -> Iterator[tuple[Registered, Standing]]:
    """Every video and where it stands, by position; duplicates count as rejected."""
    return ((source, where) for source, _, where in walk(ledger, settings, ids))


def summarize(ledger: Ledger, settings: Settings) -> dict[str, Any]:
    """Counts for `v2xum status`: every video in exactly one of samples, rejected, retryable, pending.

    `stages` gives per stage: done and rejected now, and what the last run made, reused and rejected.
    """
    states: Counter[str] = Counter()
    due: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    done: dict[str, Counter[str]] = defaultdict(Counter)
    aside = ledger.duplicates()
    for source, heads, where in walk(ledger, settings):
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


def all_rejections(ledger: Ledger) -> Iterator[Rejection]:
    """Current rejections and duplicates, ordered by video id and stage."""
    aside = ledger.duplicates()
    others = (r for r in ledger.rejections() if r.id not in aside)
    same = (duplicates.rejection(video_id, *aside[video_id]) for video_id in sorted(aside))
    return heapq.merge(others, same, key=lambda r: (r.id, r.stage))


def finished(ledger: Ledger, settings: Settings) -> list[str]:
    """The ids of all finished samples in the order of the export."""
    return sorted(source.id for source, where in standings(ledger, settings) if where.state == "sample")


def samples(ledger: Ledger, settings: Settings) -> Iterator[Sample]:
    """Every finished sample, ordered by id; one at a time in memory."""
    for video_id in finished(ledger, settings):
        yield sample(ledger, video_id)


def sample(ledger: Ledger, video_id: str) -> Sample:
    """The finished sample of a video. Raises KeyError when a stage is missing."""
    (registered,) = ledger.sources([video_id])
    payloads = {entry.head.stage: entry.payload for entry in ledger.entries(video_id)}
    source = registered.source()
    if source is None:
        raise KeyError(f"{video_id}: its list row was unusable")
    video = Video.model_validate_json(payloads["download"])
    scores = Judgement.model_validate_json(payloads["filter"]).scores
    return Sample(
        source=source,
        video=video.model_copy(update={"scores": scores}),
        frames=FrameSet.model_validate_json(payloads["frames"]),
        captions=CaptionSet.model_validate_json(payloads["caption"]),
        extract=Extract.model_validate_json(payloads["extract"]),
        summary=Summary.model_validate_json(payloads["refine"]),
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


def explain(ledger: Ledger, settings: Settings, video_id: str) -> dict[str, Any]:
    """Everything known of one video: its origin, what every stage made of it, at what cost, and why it stopped."""
    ((registered, where),) = standings(ledger, settings, [video_id])
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
