"""Measures what sharing a ledger costs: fences, the pace of a host, and the driver's alarms, against writing alone.

V2XUM_LEDGER names the database. One worker gives the time of a write; 64 workers (threads of eight processes, each
with a shard's claim under the run's, as the nodes of a run have them) give the time of a video with all its stages:
alone, under a claim, and under a claim with a turn of one host that all share. The run's claim is renewed all the
while, and the longest renewal is a figure too: it must not wait for the workers.
"""

from __future__ import annotations

import json
import multiprocessing
import secrets
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import sqlalchemy as sa

from benchmarks.shared_ledger.driver import driver_cost
from curation.download.pacing.in_ledger import InLedger
from curation.ledger.claims import RUN, Claim, new_owner, shard_key
from curation.ledger.databases import LEDGER, open_shared, postgresql_address
from curation.ledger.entries import Entry, Head
from curation.ledger.ledger import Ledger
from curation.ledger.part import checksum
from curation.ledger.stages import STAGES
from schemas.errors import ConfigError
from schemas.records import Effort

PROCESSES, THREADS, VIDEOS = 8, 8, 10  # videos of each thread
KINDS = ("plain", "fenced", "paced")
ROUNDS, WRITES = 5, 300


def measure() -> dict[str, Any]:
    """Write with and without a fence. Raises ConfigError where V2XUM_LEDGER is not set."""
    url = postgresql_address(LEDGER)
    if url is None:
        raise ConfigError(f"{LEDGER} is not set: it names the PostgreSQL database to measure")
    schema = f"v2xum_{secrets.token_hex(8)}"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(schema))
    try:
        with closing(open_shared(schema)) as ledger:
            run = ledger.claim(RUN, new_owner(), 3600.0)
            if run is None:
                raise ConfigError("a new ledger has no owner")
            return {**_one(schema, ledger, run), **_many(schema, ledger, run), **driver_cost(schema)}
    finally:
        with engine.begin() as connection:
            connection.execute(sa.schema.DropSchema(schema, cascade=True))
        engine.dispose()


def _one(schema: str, plain: Ledger, run: Claim) -> dict[str, Any]:
    shard = plain.claim(shard_key(run, 0), new_owner(), 3600.0, run)
    times: dict[str, list[float]] = {"plain": [], "fenced": []}
    with closing(open_shared(schema, shard)) as fenced:
        for number in range(ROUNDS):
            for name, ledger in (("plain", plain), ("fenced", fenced)):
                began = time.perf_counter()
                for item in range(WRITES):
                    ledger.write(_entry(f"{name} {number} {item}", "download"), (), first=True)
                times[name].append((time.perf_counter() - began) / WRITES * 1000)
    plain_ms, fenced_ms = min(times["plain"]), min(times["fenced"])
    return {
        "ms_a_write": round(plain_ms, 2),
        "ms_a_fenced_write": round(fenced_ms, 2),
        "ratio": round(fenced_ms / plain_ms, 2),
    }


def _many(schema: str, ledger: Ledger, run: Claim) -> dict[str, Any]:
    videos = PROCESSES * THREADS * VIDEOS
    context = multiprocessing.get_context("spawn")
    seconds: dict[str, list[float]] = {kind: [] for kind in KINDS}
    renewals: list[float] = []
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(0.05):
            began = time.perf_counter()
            if not ledger.renew(run):
                raise ConfigError("the claim of the run ended")
            renewals.append((time.perf_counter() - began) * 1000)

    with ThreadPoolExecutor(1) as beat, context.Pool(PROCESSES) as pool:
        pool.starmap(_work, [(schema, run, f"warm {n}", 1, "paced") for n in range(PROCESSES)])
        beating = beat.submit(renew)
        for turn in range(3):
            for kind in KINDS:
                jobs = [(schema, run, f"{turn} {kind} {n}", VIDEOS, kind) for n in range(PROCESSES)]
                seconds[kind].append(statistics.mean(pool.starmap(_work, jobs, chunksize=1)))
        ended.set()
        beating.result()
    plain_ms, fenced_ms, paced_ms = (min(seconds[kind]) / videos * 1000 for kind in KINDS)
    return {
        "workers": PROCESSES * THREADS,
        "ms_a_video": round(plain_ms, 2),
        "ms_a_fenced_video": round(fenced_ms, 2),
        "fence_ms_a_video": round(fenced_ms - plain_ms, 2),
        "pace_ms_a_video": round(paced_ms - fenced_ms, 2),
        "goal_ms_a_video": 5,
        "renewal_ms": {"median": round(statistics.median(renewals), 1), "longest": round(max(renewals), 1)},
    }


def _work(schema: str, run: Claim, name: str, videos: int, kind: str) -> float:
    """The threads of a process write all stages of their videos, each under a shard of its own; the seconds of it."""

    def shard(number: int) -> float:
        claim = None
        if kind != "plain":
            with closing(open_shared(schema)) as ledger:
                claim = ledger.claim(f"{name} {number}", new_owner(), 3600.0, run)
        with closing(open_shared(schema, claim)) as ledger:
            hosts = InLedger(ledger)
            start.wait(60)
            began = time.perf_counter()
            for video in range(videos):
                if kind == "paced":
                    hosts.take("films.example", 0.0)
                    hosts.answered("films.example", None)
                for stage in STAGES.names:
                    ledger.write(_entry(f"{name} {number} {video}", stage), (), first=True)
            return time.perf_counter() - began

    start = threading.Barrier(THREADS)
    with ThreadPoolExecutor(THREADS) as pool:
        return max(pool.map(shard, range(THREADS)))


def _entry(video_id: str, stage: str) -> Entry:
    payload = json.dumps({"text": "x" * 1000})
    head = Head(stage, "f" * 64, "done", checksum(payload), None, None)
    return Entry(video_id, head, payload, 1, Effort(), 0.0, 0.0, None)


def main() -> None:
    """Run the benchmark and print one line of JSON, with or without `--json`."""
    print(json.dumps(measure()))


if __name__ == "__main__":
    main()
