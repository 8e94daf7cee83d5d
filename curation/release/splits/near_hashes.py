"""All hashes within a few bits of others, by multi-index hashing (Norouzi, Punjani, Fleet, arXiv:1307.2982).

A hash of 64 bits has four parts. Two hashes within seven bits differ in at most one bit of at least one part, so hashes
are put into buckets by some bits of each part, and a hash is compared with those in its bucket and in the buckets one
bit away. All hashes that are asked with one key are compared at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curation.release.splits.fingerprint import Hashes

RADIUS = 7  # bits; the parts below find all hashes within it
_PARTS, _PART_BITS = 4, 16
_BUCKET = 16  # hashes of a bucket on the average, so that keys of few hashes are short
_COMPARED = 1 << 17  # hashes that are compared at once: they fit into a processor's cache
_FOUND = 1 << 17

Places = NDArray[np.int64]


class NearHashes:
    """An index of hashes. Memory: 16 bytes a hash, the hashes themselves not counted."""

    def __init__(self, hashes: Hashes) -> None:
        """Put the hashes (n,) into buckets."""
        self._hashes = hashes
        self._bits = min(max(len(hashes) // _BUCKET, 1).bit_length(), _PART_BITS)
        self._near = [0, *(1 << bit for bit in range(self._bits))]
        self._buckets = []
        for part in range(_PARTS):
            order, starts = self._sorted(hashes, part)
            self._buckets.append((order.astype(np.int32), starts.tolist()))

    def within(self, asked: Hashes) -> Iterator[tuple[Places, Places]]:
        """All pairs (place in `asked`, place of a hash) that differ in at most 7 bits, as blocks of bounded size.

        A pair comes at least once and at most four times, in no order.
        """
        places, found, size = [], [], 0
        for part, (order, starts) in enumerate(self._buckets):
            sorted_asked, bounds = self._sorted(asked, part)
            for key in np.flatnonzero(np.diff(bounds)).tolist():
                here = np.concatenate(
                    [order[starts[near] : starts[near + 1]] for near in (key ^ bit for bit in self._near)]
                )
                if not len(here):
                    continue
                hashes = self._hashes[here]
                asking = sorted_asked[bounds[key] : bounds[key + 1]]
                step = max(_COMPARED // len(here), 1)
                for start in range(0, len(asking), step):
                    some = asking[start : start + step]
                    distances = np.bitwise_count(asked[some][:, None] ^ hashes)
                    hits = np.flatnonzero(distances <= RADIUS)
                    if len(hits):
                        places.append(some[hits // len(here)])
                        found.append(here[hits % len(here)].astype(np.int64))
                        size += len(hits)
                    if size >= _FOUND:
                        yield np.concatenate(places), np.concatenate(found)
                        places, found, size = [], [], 0
        if size:
            yield np.concatenate(places), np.concatenate(found)

    def _sorted(self, hashes: Hashes, part: int) -> tuple[Places, NDArray[Any]]:
        """The places of hashes in the order of their keys of a part, and where in it each key begins."""
        mask = np.uint64((1 << self._bits) - 1)
        keys = ((hashes >> np.uint64(part * _PART_BITS)) & mask).astype(np.uint16)  # which NumPy sorts by radix
        bounds = np.concatenate([[0], np.cumsum(np.bincount(keys, minlength=1 << self._bits))])
        return np.argsort(keys, kind="stable"), bounds
