"""Reads the ledger for people: how far a run is, and everything known of one video."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from curation.ledger import duplicates
from curation.ledger.entries import Head, Registered
from curation.ledger.ledger import Ledger
from curation.ledger.samples import samples_of
from curation.ledger.standing import StageHashes, Standing, standing
from curation.review.applied import AppliedVerdicts
from schemas.records import Rejection, Sample

_CHUNK = 500
_REJECTED = Standing("rejected", None)


def walk(
    ledger: Ledger, settings: StageHashes, ids: Sequence[str] | None = None, people: AppliedVerdicts | None = None
) -> Iterator[tuple[Registered, Mapping[str, Head], Standing]]:
    """Every video by position, its current results, and where it stands; duplicates count as rejected.

    So do samples that people rejected: `people` (made here when left out) learns of them. Memory holds some hundred
    videos at a time.
    """
    people = people or AppliedVerdicts(ledger, settings)
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
    ledger: Ledger, settings: StageHashes, ids: Sequence[str] | None = None, people: AppliedVerdicts | None = None
) -> Iterator[tuple[Registered, Standing]]:
    """Every video and where it stands, by position; duplicates and what people rejected count as rejected."""
    return ((source, where) for source, _, where in walk(ledger, settings, ids, people))


def all_rejections(ledger: Ledger, settings: StageHashes | None = None) -> Iterator[Rejection]:
    """Current rejections and duplicates, ordered by video id and stage; with `settings` those of people too."""
    aside = ledger.duplicates()
    others = (r for r in ledger.rejections() if r.id not in aside)
    same = (duplicates.rejection(video_id, *aside[video_id]) for video_id in sorted(aside))
    judged = by_people(ledger, settings) if settings is not None else {}
    return heapq.merge(others, same, (judged[name] for name in sorted(judged)), key=lambda r: (r.id, r.stage))


def by_people(ledger: Ledger, settings: StageHashes) -> dict[str, Rejection]:
    """The finished samples that people rejected, by id."""
    people = AppliedVerdicts(ledger, settings)
    for _ in standings(ledger, settings, people.suspects, people):
        pass
    return people.found


def finished(ledger: Ledger, settings: StageHashes, *, reviewed: bool = True) -> list[str]:
    """The ids of all finished samples in the export's order; without `reviewed` also those that people rejected."""
    people = AppliedVerdicts(ledger, settings)
    found = [source.id for source, where in standings(ledger, settings, people=people) if where.state == "sample"]
    return sorted(found if reviewed else [*found, *people.found])


def samples(ledger: Ledger, settings: StageHashes) -> Iterator[Sample]:
    """Every finished sample that people did not reject, as the models made it, by id; one at a time in memory."""
    return samples_of(ledger, finished(ledger, settings))


def published(ledger: Ledger, settings: StageHashes) -> Iterator[Sample]:
    """Every finished sample with what people said of it applied, by id; some hundred verdicts at a time in memory."""
    people = AppliedVerdicts(ledger, settings)
    ids = finished(ledger, settings)
    for start in range(0, len(ids), _CHUNK):
        yield from people.applied(ids[start : start + _CHUNK])
