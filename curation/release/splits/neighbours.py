"""Pairs of videos that may be copies: by the hashes of their frames, by their average, by other vectors, and by text.

Each way only proposes pairs; the pictures decide. All neighbours are found: no index here is approximate, so the
answers do not depend on the order of the videos.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from curation.release.splits.fingerprint import CROPS, PICKS, VIEWS, Fingerprint, Hashes, bits
from curation.release.splits.near_hashes import NearHashes

Pair = tuple[int, int]  # places of two videos, the smaller first

COMMON = 100  # a hash that more videos show (black frames, logos) proposes nothing
PARTNERS = 64  # pairs of one video that are looked at, those with most and rarest hits first
_ASKED, _MET = 1 << 21, 1 << 22  # views that are looked up together; hits that are kept apart
_WEIGHT = 1 << 20
_NEAREST, _LEAST = 5, 0.55
_MEANT = [side + crop for side in (0, len(CROPS)) for crop in range(3)]  # the whole and two zooms, and mirrored
_SHINGLE, _FEWEST_SHINGLES, _COMMON_SHINGLE = 4, 4, 20
_SORTED = 16  # parts in which the hashes of runs are sorted
# Odd factors, one for each place of a run: the order of words counts, and no bit of a hash is lost.
_ODD = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93], np.uint64)
_WORDS = re.compile(r"\w+")


class Proposed(NamedTuple):
    """The pairs to look at, ascending, and how many distinct hashes were left out because they are common."""

    pairs: list[Pair]
    common: int


def by_hashes(fingerprints: Sequence[Fingerprint | None]) -> Proposed:
    """Pairs in which a view of a frame of one video is near to a frame of the other; those with most such frames first.

    Time and memory grow with the number of distinct hashes (docs/results/releases.md).
    """
    known = [place for place, one in enumerate(fingerprints) if one is not None]
    if not known:
        return Proposed([], 0)
    distinct, shows = _distinct(fingerprints, known)
    rare = shows.counts <= COMMON
    index, kept = NearHashes(distinct[rare]), np.flatnonzero(rare).astype(np.int32)
    del distinct
    found_together: Counter[Pair] = Counter()
    for chunk in _chunks(fingerprints, known):
        for first, second, weight in _hits(chunk, index, kept, shows):
            found_together[first, second] += weight
    return Proposed(_strongest(found_together), int((~rare).sum()))


def by_means(fingerprints: Sequence[Fingerprint | None]) -> list[Pair]:
    """Pairs of videos that are alike on the average: also where no single frame is within the radius of `by_hashes`.

    The bits of a video's hashes are averaged over time, and each video is given its 5 nearest others: as it is,
    mirrored, and zoomed.
    """
    import faiss

    known = [(place, one) for place, one in enumerate(fingerprints) if one is not None and len(one.picks)]
    if len(known) < 2:
        return []
    whole = np.stack([bits(one.hashes).mean(axis=0) for _, one in known])
    asked = np.concatenate([bits(one.views[:, _MEANT]).mean(axis=0) for _, one in known])
    index = faiss.IndexFlatIP(64)
    for each in (whole, asked):
        faiss.normalize_L2(each)
    index.add(whole)
    cosines, found = index.search(asked, min(_NEAREST + 1, len(known)))
    pairs = set()
    for row, rank in zip(*np.nonzero((found >= 0) & (cosines >= _LEAST)), strict=True):
        first, second = row // len(_MEANT), found[row, rank]
        if first != second:
            pairs.add(_pair(known[first][0], known[second][0]))
    return sorted(pairs)


def by_vectors(
    vectors: Sequence[NDArray[np.float32] | None], nearest: int = _NEAREST, least: float = 0.9
) -> list[Pair]:
    """Each video with its `nearest` others whose vectors have a cosine of at least `least` to its own.

    Vectors (d,), of one model, such as the mean CLIP vector of a video's keyframes; None where there is none.
    """
    import faiss

    known = [place for place, one in enumerate(vectors) if one is not None]
    if len(known) < 2:
        return []
    matrix = np.stack([one for one in vectors if one is not None]).astype(np.float32)
    faiss.normalize_L2(matrix)
    index = faiss.IndexFlatIP(matrix.shape[1])
    index.add(matrix)
    cosines, found = index.search(matrix, min(nearest + 1, len(known)))
    near = zip(*np.nonzero((found >= 0) & (cosines >= least)), strict=True)
    return sorted({_pair(known[row], known[found[row, rank]]) for row, rank in near if found[row, rank] != row})


def by_text(texts: Sequence[str]) -> list[Pair]:
    """Pairs that share several runs of four words which few videos have: titles and summaries of copies are alike.

    Runs are compared by hashes of 64 bits; 30,000 texts of 240 words take about 200 MB.
    """
    hashes = _Shingles()
    of_texts = [hashes.of(text) for text in texts]
    owners = np.repeat(np.arange(len(of_texts), dtype=np.int32), [len(each) for each in of_texts])
    runs = np.concatenate([np.zeros(0, np.uint64), *of_texts])
    del of_texts
    rows, columns, width = [], [], 0
    for part in range(_SORTED):  # so that sorting copies a small part at a time
        here = runs % _SORTED == part
        _, column, counts = np.unique(runs[here], return_inverse=True, return_counts=True)
        shared = ((counts > 1) & (counts <= _COMMON_SHINGLE))[column]
        rows.append(owners[here][shared])
        columns.append(column[shared] + width)
        width += len(counts)
    ones = np.ones(sum(map(len, rows)), np.int32)
    coordinates = (np.concatenate(rows), np.concatenate(columns))
    shingles = scipy.sparse.csr_matrix((ones, coordinates), shape=(len(texts), max(width, 1)))
    both = scipy.sparse.triu(shingles @ shingles.T, k=1).tocoo()
    found = {
        (int(first), int(second)): int(count)
        for first, second, count in zip(both.row, both.col, both.data, strict=True)
        if count >= _FEWEST_SHINGLES
    }
    return _strongest(found)


class _Shingles:
    """Hashes the runs of four words of texts. Words are hashed once."""

    def __init__(self) -> None:
        self._words: dict[str, int] = {}

    def of(self, text: str) -> NDArray[np.uint64]:
        """The distinct hashes of the runs of a text, ascending; equal in every process."""
        words = _WORDS.findall(text.casefold())
        if len(words) < _SHINGLE:
            return np.zeros(0, np.uint64)
        runs = sliding_window_view(np.array([self._word(word) for word in words], np.uint64), _SHINGLE)
        return np.unique((runs * _ODD).sum(axis=1, dtype=np.uint64))

    def _word(self, word: str) -> int:
        if (known := self._words.get(word)) is None:
            digest = hashlib.blake2b(word.encode(errors="surrogatepass"), digest_size=8).digest()
            known = self._words[word] = int.from_bytes(digest)
        return known


def _chunks(fingerprints: Sequence[Fingerprint | None], known: Sequence[int]) -> Iterator[list[tuple[int, Hashes]]]:
    """The places and views of the videos, so many at a time that the views are some million."""
    chunk: list[tuple[int, Hashes]] = []
    for place in known:
        one = fingerprints[place]
        assert one is not None
        chunk.append((place, one.views))
        if len(chunk) * PICKS * VIEWS >= _ASKED:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


class _Shows(NamedTuple):
    """Which videos show a hash: `owners[starts[hash] : starts[hash] + counts[hash]]`."""

    owners: NDArray[np.int32]
    starts: NDArray[np.int32]
    counts: NDArray[np.int32]


def _distinct(fingerprints: Sequence[Fingerprint | None], known: Sequence[int]) -> tuple[Hashes, _Shows]:
    """The distinct hashes of all frames, ascending, and the videos that show each."""
    shown = [np.unique(one.hashes) for one in fingerprints if one is not None]
    owners = np.repeat(np.array(known, np.int32), [len(hashes) for hashes in shown])
    hashes = np.concatenate(shown)
    del shown
    order = np.argsort(hashes, kind="stable")
    hashes, owners = hashes[order], owners[order]
    starts = np.flatnonzero(np.diff(hashes, prepend=~hashes[:1]))
    counts = np.diff(starts, append=len(hashes))
    return hashes[starts], _Shows(owners, starts.astype(np.int32), counts.astype(np.int32))


def _hits(
    chunk: Sequence[tuple[int, Hashes]], index: NearHashes, kept: NDArray[np.int32], shows: _Shows
) -> Iterable[tuple[int, int, int]]:
    """The pairs of videos of all hits, once for each frame that hit, with a weight.

    A frame that is near to frames of few videos says more than one that is near to frames of many. Weights are whole
    numbers, so that their sum does not depend on an order.
    """
    asking_of = np.repeat([place for place, _ in chunk], [len(views) for _, views in chunk])  # by frame
    width = int(shows.owners.max(initial=0)) + 1
    met, size = [np.zeros(0, np.int64)], 0  # frame x width + video
    for query, found in index.within(np.concatenate([views.ravel() for _, views in chunk])):
        frame, shown = query // VIEWS, kept[found]
        many = shows.counts[shown]
        within = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        hit = shows.owners[np.repeat(shows.starts[shown], many) + within].astype(np.int64)
        frame = np.repeat(frame, many)
        unlike = asking_of[frame] != hit
        met.append(np.unique(frame[unlike] * width + hit[unlike]))
        size += len(met[-1])
        if size >= _MET:
            met = [np.unique(np.concatenate(met))]
            size = 0
    frame, hit = np.divmod(np.unique(np.concatenate(met)), width)
    _, inverse, videos = np.unique(frame, return_inverse=True, return_counts=True)
    first, second = np.minimum(asking_of[frame], hit), np.maximum(asking_of[frame], hit)
    return zip(first.tolist(), second.tolist(), (_WEIGHT // videos[inverse]).tolist(), strict=True)


def _strongest(counts: Mapping[Pair, int]) -> list[Pair]:
    """The pairs that are among the first of at least one of their two videos."""
    partners: dict[int, list[tuple[int, Pair]]] = {}
    for pair, count in counts.items():
        for place in pair:
            partners.setdefault(place, []).append((-count, pair))
    return sorted({pair for found in partners.values() for _, pair in sorted(found)[:PARTNERS]})


def _pair(first: int, second: int) -> Pair:
    return (min(first, second), max(first, second))
