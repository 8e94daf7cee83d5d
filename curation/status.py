"""Reads the ledger for people: how far a run is, and everything known of one video."""

from __future__ import annotations

import heapq
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from curation import duplicates
from curation.assembly import samples_of
from curation.entries import Entry, Head, Registered
from curation.ledger import Ledger
from curation.pipeline import EXPORT, STAGE_NAMES, Settings, Standing, standing
from curation.reviewed import People
from schemas.records import Rejection, Sample

_CHUNK = 500
_REJECTED = Standing("rejected", None)


def walk(
    ledger: Ledger, settings: Settings, ids: Sequence[str] | None = None, people: People | None = None
) -> Iterator[tuple[Registered, Mapping[str, Head], Standing]]:
    """Every video by position, its current results, and where it stands; duplicates count as rejected.

    So do samples that people rejected: `people` (made here when left out) learns of them. Memory holds some hundred
    videos at a time.
    """
    people = people or People(ledger, settings)
    aside = ledger.duplicates()
    sources = ledger.sources(ids)
    while chunk := list(islice(sources, _CHUNK)):
        heads = ledger.heads([source.id for source in chunk])
        stand = {
            source.id: _REJECTED if source.id in aside else standing(source, heads.get(source.id, {}), settings)
            for source in chunk
        }
        refused = people.rejections([name for name, where in stand.items() if where.state == "sample"])
        for source in chunk:
            where = _REJECTED if source.id in refused else stand[source.id]
            yield source, heads.get(source.id, {}), where


def standings(
    ledger: Ledger, settings: Settings, ids: Sequence[str] | None = None, people: People | None = None
) -> Iterator[tuple[Registered, Standing]]:
    """Every video and where it stands, by position; duplicates and what people rejected count as rejected."""
    return ((source, where) for source, _, where in walk(ledger, settings, ids, people))


def summarize(ledger: Ledger, settings: Settings) -> dict[str, Any]:
    """Counts for `v2xum status`: every video in exactly one of samples, rejected, retryable, pending.

    `stages` gives per stage: done and rejected now, and what the last run made, reused and rejected.
    """
    states: Counter[str] = Counter()
    due: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    done: dict[str, Counter[str]] = defaultdict(Counter)
    aside = ledger.duplicates()
    people = People(ledger, settings)
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


def all_rejections(ledger: Ledger, settings: Settings | None = None) -> Iterator[Rejection]:
    """Current rejections and duplicates, ordered by video id and stage; with `settings` those of people too."""
    aside = ledger.duplicates()
    others = (r for r in ledger.rejections() if r.id not in aside)
    same = (duplicates.rejection(video_id, *aside[video_id]) for video_id in sorted(aside))
    judged = by_people(ledger, settings) if settings is not None else {}
    return heapq.merge(others, same, (judged[name] for name in sorted(judged)), key=lambda r: (r.id, r.stage))


def by_people(ledger: Ledger, settings: Settings) -> dict[str, Rejection]:
    """The finished samples that people rejected, by id."""
    people = People(ledger, settings)
    for _ in standings(ledger, settings, people.suspects, people):
        pass
    return people.found


def finished(ledger: Ledger, settings: Settings, *, reviewed: bool = True) -> list[str]:
    """The ids of all finished samples in the export's order; without `reviewed` also those that people rejected."""
    people = People(ledger, settings)
    found = [source.id for source, where in standings(ledger, settings, people=people) if where.state == "sample"]
    return sorted(found if reviewed else [*found, *people.found])


def samples(ledger: Ledger, settings: Settings) -> Iterator[Sample]:
    """Every finished sample that people did not reject, as the models made it, by id; one at a time in memory."""
    return samples_of(ledger, finished(ledger, settings))


def published(ledger: Ledger, settings: Settings) -> Iterator[Sample]:
    """Every finished sample with what people said of it applied, by id; some hundred verdicts at a time in memory."""
    people = People(ledger, settings)
    ids = finished(ledger, settings)
    for start in range(0, len(ids), _CHUNK):
        yield from people.applied(ids[start : start + _CHUNK])


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
    people = People(ledger, settings)
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
