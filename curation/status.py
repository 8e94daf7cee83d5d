"""Reads the ledger for people: how far a run is, and everything known of one video."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from curation import duplicates
from curation.ledger import Entry, Ledger, Registered
from curation.pipeline import EXPORT, STAGE_NAMES, Settings, Standing, standing
from schemas.records import CaptionSet, Extract, FrameSet, Judgement, Rejection, Sample, Summary, Video


def standings(
    ledger: Ledger, settings: Settings, ids: Sequence[str] | None = None
) -> Iterator[tuple[Registered, Standing]]:
    """Every video and where it stands, by position; duplicates count as rejected."""
    heads = ledger.heads(ids)
    aside = ledger.duplicates()
    for source in ledger.sources(ids):
        if source.id in aside:
            yield source, Standing("rejected", None)
        else:
            yield source, standing(source, heads.get(source.id, {}), settings)


def summarize(ledger: Ledger, settings: Settings) -> dict[str, Any]:
    """Counts for `v2xum status`: every video in exactly one of samples, rejected, retryable, pending.

    `stages` gives per stage: done and rejected now, and what the last run made, reused and rejected.
    """
    states: Counter[str] = Counter()
    due: Counter[str] = Counter()
    for _, where in standings(ledger, settings):
        states[where.state] += 1
        if where.stage is not None:
            due[where.stage] += 1
    done: dict[str, Counter[str]] = {}
    for heads in ledger.heads().values():
        for stage, head in heads.items():
            done.setdefault(stage, Counter())[head.status] += 1
    reasons = Counter(f"{r.stage}: {r.reason}" for r in all_rejections(ledger))
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
                "done": done.get(stage, Counter())["done"],
                "rejected": done.get(stage, Counter())["rejected"],
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
    found = [r for r in ledger.rejections() if r.id not in aside]
    found += [duplicates.rejection(video_id, of, sha) for video_id, (of, sha) in aside.items()]
    yield from sorted(found, key=lambda r: (r.id, r.stage))


def samples(ledger: Ledger, settings: Settings) -> Iterator[Sample]:
    """Every finished sample, ordered by id; one at a time in memory."""
    finished = sorted(source.id for source, where in standings(ledger, settings) if where.state == "sample")
    for video_id in finished:
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
