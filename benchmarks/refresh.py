"""Measures how fast a refresh finds out which published rows are due, in rows a second.

A release has 30,000 rows, and the ledger an answer for each: a tenth are due again, a tenth have a tombstone. `state`
is all that a refresh does before its first look: ids from the release's Parquet files, contents and answers from the
ledger, the decision, and the tombstones. `decide` is the decision alone. Baseline: reading the same two tables from
SQLite without any decision.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from benchmarks.instant import instant_services, trivial_sources
from curation.ledger import tables as t
from curation.pipeline.services import Services
from curation.release.refresh.looks import Watch, watch
from curation.release.refresh.recheck import DAY
from curation.release.refresh.refresh import watched_rows
from curation.release.refresh.tombstones import tombstones
from curation.status.opt_outs import OptOuts

ROWS, GOAL = 30_000, 2_000
NOW = 1_800_000_000.0


def fill(services: Services, release: Path, rows: int) -> None:
    """Publish so many rows, with an answer for each."""
    ids = services.ledger.register(trivial_sources(rows))
    contents = [f"{number:064x}" for number in range(rows)]
    results = [
        {
            "video_id": name, "stage": "download", "fingerprint": content, "current": True, "status": "done",
            "payload": "{}", "digest": content, "content": content, "attempts": 1, "tokens_in": 0, "tokens_out": 0,
            "requests": 0, "seconds": 0.0, "made_at": 0.0,
        }
        for name, content in zip(ids, contents, strict=True)
    ]  # fmt: skip
    answers = [
        {
            "video_id": name,
            "content": content,
            "outcome": "gone" if number % 10 == 0 else "available",
            "reason": "removed" if number % 10 == 0 else None,
            "detail": None,
            "checked_at": NOW - (40 if number % 10 == 1 else 10) * DAY,
            "first_at": None,
            "gone_at": NOW - 10 * DAY if number % 10 == 0 else None,
        }
        for number, (name, content) in enumerate(zip(ids, contents, strict=True))
    ]
    with services.ledger.engine.begin() as connection:
        connection.execute(sa.insert(t.results), results)
        connection.execute(sa.insert(t.rechecks), answers)
    (release / "default").mkdir(parents=True)
    table = pa.table({"id": ids, "split": ["train"] * rows, "text_summary": ["A sentence about a film."] * rows})
    pq.write_table(table, release / "default" / "train-00000-of-00001.parquet")


def state(services: Services, release: Path) -> tuple[Watch, int]:
    """What a refresh finds out before its first look."""
    nobody = OptOuts([], [], [], frozenset())
    contents, _ = watched_rows(release, services, nobody)
    known = services.ledger.rechecks(list(contents))
    found = watch(contents, known, services.config.refresh, NOW)
    return found, len(tombstones(services.view, dict.fromkeys(contents, "0.1.0"), contents.keys()))


def measure(rows: int) -> dict[str, Any]:
    """Time the state of `rows` rows, the decision alone, and the plain read; the best of three counts."""
    with tempfile.TemporaryDirectory() as name:
        services, release = instant_services(Path(name)), Path(name) / "releases" / "0.1.0"
        fill(services, release, rows)
        best = decided = baseline = float("inf")
        found, gone = state(services, release)
        contents = services.ledger.contents()
        for _ in range(3):
            began = time.perf_counter()
            state(services, release)
            best = min(best, time.perf_counter() - began)
            began = time.perf_counter()
            watch(contents, found.known, services.config.refresh, NOW)
            decided = min(decided, time.perf_counter() - began)
            began = time.perf_counter()
            with services.ledger.engine.connect() as connection:
                list(connection.execute(sa.select(t.rechecks)))
                list(connection.execute(sa.select(t.results.c.video_id, t.results.c.content)))
            baseline = min(baseline, time.perf_counter() - began)
        services.ledger.close()
    return {
        "rows": found.watched,
        "due": len(found.due),
        "tombstones": gone,
        "rows_per_second": round(rows / best),
        "goal_per_second": GOAL,
        "decisions_per_second": round(rows / decided),
        "ratio_to_plain_read": round(best / baseline, 2),
    }


def main() -> None:
    """Run the benchmark and print one line of JSON, with or without `--json`."""
    parser = argparse.ArgumentParser(prog="v2xum bench refresh", description=main.__doc__)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--json", action="store_true")
    print(json.dumps(measure(parser.parse_args().rows)))


if __name__ == "__main__":
    main()
