"""Measures how well the splits find planted copies in videos of the demo world, and how fast they are for 30,000.

    python -m benchmarks splits [--out docs/results] [--originals 240] [--copies 126] [--videos 30000] [--json]

`--out` writes splits.md and splits.svg. Precision and recall count pairs of videos that are in one cluster. The time is
that of the search among hashes and of the clusters, in seconds of all processor cores together; its baseline is faiss's
exhaustive search on a sample of the same questions.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.split_study.figures import Point, Quality, Speed
from benchmarks.split_study.page import page, plot
from benchmarks.split_study.planted import CHANGES, Planted, pairs_of, plant
from curation.release.splits.align import alignments
from curation.release.splits.cluster import Found, joined, near_duplicates
from curation.release.splits.fingerprint import PICKS, VIEWS, Fingerprint
from curation.release.splits.near_hashes import RADIUS
from curation.release.splits.neighbours import by_hashes, by_means
from curation.release.splits.register import COPY, Match

FRAMES = 30
THRESHOLDS = (*(round(0.5 + 0.02 * step, 2) for step in range(25)), 0.99)
_ASKED = 2_000


def measure(planted: Planted) -> Quality:
    """Find the copies of a planted set and count."""
    started = time.process_time()
    found = near_duplicates(planted.items)
    spent = time.process_time() - started
    true = planted.true_pairs()
    clustered = _clustered(planted, found, COPY)
    by_kind = {
        kind: (
            sum(pair in clustered for pair in true if planted.kinds[pair[1]] == kind),
            sum(planted.kinds[pair[1]] == kind for pair in true),
        )
        for kind in CHANGES
    }
    correlations = {pair: one.correlation for pair, one in found.matches.items() if one.whole}
    return Quality(
        videos=len(planted.items),
        copies=len(true),
        looked_at=found.looked_at,
        precision=_precision(clustered, true),
        recall=len(clustered & true) / len(true),
        by_kind=by_kind,
        curve=tuple(
            Point(threshold, _precision(pairs, true), len(pairs & true) / len(true))
            for threshold in THRESHOLDS
            for pairs in [_clustered(planted, found, threshold)]
        ),
        weakest_copy=min((value for pair, value in correlations.items() if pair in true), default=0.0),
        strongest_other=max((value for pair, value in correlations.items() if pair not in true), default=0.0),
        cpu_seconds=spent,
    )


def _clustered(planted: Planted, found: Found, threshold: float) -> set[tuple[int, int]]:
    def passes(one: Match) -> bool:
        return one.copy_at(threshold)

    copies = [pair for pair, one in found.matches.items() if passes(one)]
    return set(pairs_of(joined(len(planted.items), copies)))


def _precision(pairs: set[tuple[int, int]], true: set[tuple[int, int]]) -> float:
    return len(pairs & true) / len(pairs) if pairs else 1.0


def speed(videos: int, seed: int = 0) -> Speed:
    """Search `videos` x 30 random hashes, of which one video in a hundred is a copy of another with 3 bits changed."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 2**64, (videos, FRAMES), dtype=np.uint64)
    copies = rng.permutation(videos)[: videos // 100 * 2].reshape(-1, 2)
    for first, second in copies:
        bits = (np.uint64(1) << rng.integers(0, 64, (3, FRAMES), dtype=np.uint64)).astype(np.uint64)
        hashes[second] = hashes[first] ^ np.bitwise_or.reduce(bits)
    picks = np.linspace(0, FRAMES - 1, PICKS).round().astype(np.intp)
    fingerprints = []
    for row in hashes:
        views = rng.integers(0, 2**64, (PICKS, VIEWS), dtype=np.uint64)
        views[:, 0] = row[picks]
        fingerprints.append(Fingerprint(row, picks, views, _no_pictures))
    cpu, wall = time.process_time(), time.perf_counter()
    proposed = by_hashes(fingerprints)
    pairs = {*proposed.pairs, *by_means(fingerprints)}
    copied = [pair for pair in sorted(pairs) if alignments(fingerprints[pair[0]], fingerprints[pair[1]])]
    clusters = [cluster for cluster in joined(videos, copied) if len(cluster) > 1]
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    asked = videos * PICKS * VIEWS
    true = {(min(pair), max(pair)) for pair in copies.tolist()}
    return Speed(
        videos, videos * FRAMES, asked, len(true), len(true & set(pairs_of(clusters))), cpu, wall,
        times_faster=_exhaustive(hashes, fingerprints) * asked / cpu,
    )  # fmt: skip


def _exhaustive(hashes: Any, fingerprints: list[Fingerprint]) -> float:
    """The CPU seconds that one question takes when faiss compares it with every hash."""
    import faiss

    index = faiss.IndexBinaryFlat(64)
    index.add(hashes.reshape(-1, 1).astype(">u8").view(np.uint8))
    some = np.concatenate([one.views.ravel() for one in fingerprints[: _ASKED // (PICKS * VIEWS) + 1]])[:_ASKED]
    started = time.process_time()
    index.range_search(some.astype(">u8")[:, None].view(np.uint8), RADIUS + 1)
    return (time.process_time() - started) / len(some)


def _no_pictures() -> Any:
    raise AssertionError("the search among hashes reads no picture")


def main() -> None:
    """Measure and print the figures as one line of JSON, with or without `--json`."""
    parser = argparse.ArgumentParser(prog="v2xum bench splits", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, help="write splits.md and splits.svg here")
    parser.add_argument("--originals", type=int, default=240)
    parser.add_argument("--copies", type=int, default=126)
    parser.add_argument("--videos", type=int, default=30_000, help="videos with random hashes; 0: no search of them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one line of JSON, which is also the default")
    options = parser.parse_args()
    if not 0 < options.copies <= options.originals:
        parser.error("--copies must be between 1 and --originals: every copy is of an original of its own")
    with TemporaryDirectory(prefix="v2xum-") as folder:
        quality = measure(plant(Path(folder), options.originals, options.copies, options.seed))
    fast = speed(options.videos, options.seed) if options.videos else None
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "splits.svg").write_text(plot(quality), encoding="utf-8")
        (options.out / "splits.md").write_text(page(quality, fast), encoding="utf-8")
    json.dump({"quality": quality._asdict(), "speed": fast._asdict() if fast else None}, sys.stdout)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
