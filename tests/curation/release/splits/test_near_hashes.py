"""The index of hashes finds what an exhaustive search finds, however many hashes there are and however alike."""

from __future__ import annotations

import faiss
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.release.splits import near_hashes
from curation.release.splits.fingerprint import Hashes
from curation.release.splits.near_hashes import RADIUS, NearHashes


def exhaustive(hashes: Hashes, asked: Hashes) -> set[tuple[int, int]]:
    """The pairs that faiss finds by comparing everything with everything."""
    index = faiss.IndexBinaryFlat(64)
    index.add(hashes.astype(">u8")[:, None].view(np.uint8))
    limits, _, found = index.range_search(asked.astype(">u8")[:, None].view(np.uint8), RADIUS + 1)
    return set(zip(np.repeat(np.arange(len(asked)), np.diff(limits).astype(int)).tolist(), found.tolist(), strict=True))


def indexed(hashes: Hashes, asked: Hashes) -> list[tuple[int, int]]:
    blocks = NearHashes(hashes).within(asked)
    return [pair for places, found in blocks for pair in zip(places.tolist(), found.tolist(), strict=True)]


def flipped(hashes: Hashes, rng: np.random.Generator, most: int) -> Hashes:
    """The hashes with 0 to `most` of their bits turned."""
    turned = hashes.copy()
    for _ in range(most):
        bit = np.uint64(1) << rng.integers(0, 64, len(hashes), dtype=np.uint64)
        turned ^= np.where(rng.random(len(hashes)) < 0.5, bit, np.uint64(0))
    return turned


@given(st.integers(0, 10**6), st.integers(1, 1500), st.sampled_from([1, 5, 300]))
def test_it_finds_what_an_exhaustive_search_finds(seed: int, count: int, kinds: int) -> None:
    rng = np.random.default_rng(seed)
    of_kinds = rng.integers(0, 2**64, kinds, dtype=np.uint64)  # alike hashes crowd into few buckets
    hashes = np.unique(flipped(rng.choice(of_kinds, count), rng, 16))
    asked = np.concatenate([flipped(rng.choice(hashes, 40), rng, 20), rng.integers(0, 2**64, 10, dtype=np.uint64)])
    found = indexed(hashes, asked)
    assert set(found) == exhaustive(hashes, asked)
    assert len(found) <= 4 * len(set(found))


def test_small_blocks_hold_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    hashes = np.unique(flipped(np.full(2000, 7, np.uint64), rng, 6))
    asked = flipped(hashes[:50], rng, 3)
    monkeypatch.setattr(near_hashes, "_COMPARED", 100)
    monkeypatch.setattr(near_hashes, "_FOUND", 10)
    assert sum(1 for _ in NearHashes(hashes).within(asked)) > 10
    assert set(indexed(hashes, asked)) == exhaustive(hashes, asked)


def test_no_hashes_and_no_questions_give_nothing() -> None:
    none = np.zeros(0, np.uint64)
    some = np.array([1, 2], np.uint64)
    assert indexed(none, some) == indexed(some, none) == indexed(none, none) == []
