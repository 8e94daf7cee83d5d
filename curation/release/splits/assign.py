"""The split of every video of a release: copies and channels stay together, and what was published stays.

1. Near duplicates form clusters; clusters and channels that hang together form groups. A group lies in one split. Pairs
   that look alike and whose pictures cannot be read stay together, too.
2. A row that an earlier release published keeps its split. A new row goes where its published copy is, else where the
   published rows of its group are. Where these are in several splits, which is reported, it goes to the first of train,
   validation, test: no row is added to a test split that has a copy in train.
3. The other groups are dealt out by `Dealer`, large ones first, equal ones in the order of a salted hash of their
   files. So the result does not depend on the order of the rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from curation.release.splits.cluster import joined, near_duplicates
from curation.release.splits.items import Benchmark, SplitItem
from curation.release.splits.known import hits
from curation.release.splits.neighbours import Pair
from curation.release.splits.register import Match
from curation.release.splits.stratify import Dealer, strata_of
from schemas.configuration.config import SplitConfig
from schemas.manifest import SPLITS, SplitName
from schemas.splits import BenchmarkCount, NearDuplicate, SplitConflict, SplitFigure, SplitReport, Stratum

RULE = 2  # the first rule was the salted hash of the file alone


class Assignment(NamedTuple):
    """The split of each video by id, the near-duplicate clusters (at least two ids, ascending), and the report."""

    splits: dict[str, SplitName]
    clusters: tuple[tuple[str, ...], ...]
    report: SplitReport


def assign(
    items: Sequence[SplitItem],
    shares: SplitConfig,
    frozen: Mapping[str, SplitName] | None = None,
    benchmarks: Sequence[Benchmark] = (),
) -> Assignment:
    """Assign every video to a split.

    `frozen`: the splits of earlier releases by id; ids that are no item are ignored. `benchmarks` are only looked for
    and reported: they move nothing. Raises ValueError when two items have one id.
    """
    items = sorted(items, key=lambda item: item.id)
    if len({item.id for item in items}) < len(items):
        raise ValueError("two items have one id")
    known = {item.id: frozen[item.id] for item in items if item.id in frozen} if frozen else {}
    extra = [one for each in benchmarks for _, one in sorted(each.fingerprints.items())]
    found = near_duplicates(items, extra)
    copied = found.copies
    copies = {pair: one for pair, one in copied.items() if pair[1] < len(items)}
    channels = _by_channel(items)
    clusters = joined(len(items), copies)
    unresolved = [pair for pair in found.unresolved if pair[1] < len(items)]
    chained = [pair for members in channels for pair in pairwise(members)]
    groups = joined(len(items), [*copies, *unresolved, *chained])
    splits, followed = _dealt(items, shares, known, clusters, groups)
    named = tuple(tuple(items[place].id for place in cluster) for cluster in clusters if len(cluster) > 1)
    report = SplitReport(
        rule=RULE,
        videos=len(items),
        compared=sum(item.fingerprint is not None for item in items),
        not_compared=tuple(item.id for item in items if item.fingerprint is None),
        common_hashes=found.common,
        looked_at=found.looked_at,
        duplicates=tuple(_duplicate(items, pair, one) for pair, one in copies.items()),
        unresolved=tuple((items[first].id, items[second].id) for first, second in unresolved),
        clusters=named,
        groups=len(groups),
        largest_group=max(map(len, groups), default=0),
        channels=len(channels),
        frozen=len(known),
        followed=followed,
        splits=_figures(splits, shares),
        strata=_strata(items, splits),
        conflicts=(
            *_conflicts("near duplicates", items, clusters, known),
            *_conflicts("channel", items, channels, known),
        ),
        benchmarks=tuple(
            BenchmarkCount(name=each.name, ids=len(each.ids), titles=len(each.titles), files=len(each.fingerprints))
            for each in benchmarks
        ),
        benchmark_hits=hits(items, splits, benchmarks, copied),
    )
    return Assignment(splits, named, report)


def _dealt(
    items: Sequence[SplitItem],
    shares: SplitConfig,
    known: Mapping[str, SplitName],
    clusters: Sequence[Sequence[int]],
    groups: Sequence[Sequence[int]],
) -> tuple[dict[str, SplitName], int]:
    """The splits by id in the order of the items, and how many new rows followed published ones."""
    strata = strata_of(items)
    dealer = Dealer(_wanted(shares), strata)
    cluster_of = {place: cluster for cluster in clusters for place in cluster}
    splits: dict[str, SplitName] = {}
    free: list[Sequence[int]] = []
    followed = 0
    for group in groups:
        published = _published(items, group, known)
        if not published:
            free.append(group)
            continue
        for place in group:
            name = items[place].id
            near = _published(items, cluster_of[place], known)
            splits[name] = known[name] if name in known else (near or published)[0]
            followed += name not in known
            dealer.put(splits[name], [strata[place]])
    for group in sorted(free, key=lambda group: (-len(group), min(_salted(items[place].sha256) for place in group))):
        held = [strata[place] for place in group]
        split = dealer.best(held)
        dealer.put(split, held)
        splits.update({items[place].id: split for place in group})
    return {item.id: splits[item.id] for item in items}, followed


def _published(items: Sequence[SplitItem], places: Iterable[int], known: Mapping[str, SplitName]) -> list[SplitName]:
    """The splits in which published rows of these places are, in the order train, validation, test."""
    found = {known[items[place].id] for place in places if items[place].id in known}
    return [split for split in SPLITS if split in found]


def _by_channel(items: Sequence[SplitItem]) -> list[list[int]]:
    members: dict[str, list[int]] = {}
    for place, item in enumerate(items):
        if item.channel is not None:
            members.setdefault(item.channel, []).append(place)
    return sorted(members.values())


def _salted(sha256: str) -> str:
    return hashlib.sha256(f"v2xum split {RULE}:{sha256}".encode()).hexdigest()


def _wanted(shares: SplitConfig) -> dict[SplitName, float]:
    return {"train": shares.train, "validation": shares.validation, "test": shares.test}


def _duplicate(items: Sequence[SplitItem], pair: Pair, one: Match) -> NearDuplicate:
    return NearDuplicate(
        first=items[pair[0]].id,
        second=items[pair[1]].id,
        correlation=round(one.correlation, 4),
        common=one.common,
        offset=one.offset,
        mirrored=one.mirrored,
        crop=tuple(round(side, 3) for side in one.crop),
    )


def _figures(splits: Mapping[str, SplitName], shares: SplitConfig) -> tuple[SplitFigure, ...]:
    wanted, found = _wanted(shares), list(splits.values())
    return tuple(
        SplitFigure(
            split=split,
            rows=found.count(split),
            share=round(found.count(split) / len(found), 6) if found else 0.0,
            wanted=wanted[split],
        )
        for split in SPLITS
    )


def _strata(items: Sequence[SplitItem], splits: Mapping[str, SplitName]) -> tuple[Stratum, ...]:
    counts: dict[str, dict[SplitName, int]] = {}
    for item, name in zip(items, strata_of(items), strict=True):
        rows = counts.setdefault(name, dict.fromkeys(SPLITS, 0))
        rows[splits[item.id]] += 1
    return tuple(Stratum(name=name, rows=rows) for name, rows in sorted(counts.items()))


def _conflicts(
    kind: str, items: Sequence[SplitItem], together: Iterable[Sequence[int]], known: Mapping[str, SplitName]
) -> list[SplitConflict]:
    found = []
    for places in together:
        rows = {
            split: tuple(items[place].id for place in places if known.get(items[place].id) == split)
            for split in _published(items, places, known)
        }
        if len(rows) > 1:
            found.append(SplitConflict.model_validate({"kind": kind, "rows": rows}))
    return found
