"""Near-duplicate videos: pairs are proposed, proved by their pictures, and joined into clusters and groups."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse
from scipy.sparse.csgraph import connected_components

from curation.release.splits.align import alignments
from curation.release.splits.fingerprint import Fingerprint, NoPictures
from curation.release.splits.items import SplitItem
from curation.release.splits.neighbours import Pair, by_hashes, by_means, by_text, by_vectors
from curation.release.splits.register import Match, match


class Found(NamedTuple):
    """The pairs of places whose hashes are alike, with their match; how many were proposed; common hashes left out.

    `unresolved`: pairs whose hashes are alike, but whose pictures could not be read.
    """

    matches: dict[Pair, Match]
    unresolved: list[Pair]
    looked_at: int
    common: int

    @property
    def copies(self) -> dict[Pair, Match]:
        """The pairs that are copies."""
        return {pair: one for pair, one in self.matches.items() if one.copy}


def near_duplicates(items: Sequence[SplitItem], extra: Sequence[Fingerprint] = ()) -> Found:
    """The pairs of videos that may be copies, by their places in `items` followed by `extra`; deterministic.

    Time grows with the number of pairs that look alike: a pair that is looked at takes 10 to 30 ms of one core.
    """
    fingerprints = [*(item.fingerprint for item in items), *extra]
    proposed = by_hashes(fingerprints)
    pairs = {*proposed.pairs, *by_means(fingerprints), *by_vectors([item.vector for item in items])}
    pairs.update(by_text([item.text for item in items]))
    matches: dict[Pair, Match] = {}
    unresolved: list[Pair] = []
    looked_at = 0
    for pair in sorted(pairs):
        first, second = (fingerprints[place] for place in pair)
        if first is None or second is None:
            continue
        looked_at += 1
        try:
            found = compare(first, second)
        except NoPictures:
            unresolved.append(pair)
            continue
        if found is not None:
            matches[pair] = found
    return Found(matches, unresolved, looked_at, proposed.common)


def compare(first: Fingerprint, second: Fingerprint) -> Match | None:
    """How well two videos fit each other at their best; None when their hashes are alike at no offset.

    Raises NoPictures.
    """
    found = alignments(first, second)
    return match(first.pictures(), second.pictures(), found) if found else None


def joined(count: int, pairs: Iterable[Pair]) -> list[list[int]]:
    """The connected components of `count` places: lists of ascending places, in the order of their first."""
    edges = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
    graph = scipy.sparse.coo_matrix((np.ones(len(edges), np.int8), (edges[:, 0], edges[:, 1])), shape=(count, count))
    _, labels = connected_components(graph, directed=False)
    members: dict[int, list[int]] = {}
    for place, label in enumerate(labels.tolist()):
        members.setdefault(label, []).append(place)
    return sorted(members.values())
