"""Measures how fast a finished run finds that it has nothing to do, as videos checked per second.

Baseline: reading the same rows from SQLite without any check.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.instant import instant_services, trivial_sources, write_finished
from curation.ledger import tables
from curation.status.standings import Standings

VIDEOS = 5000


def measure() -> dict[str, Any]:
    """Check a ledger of 5,000 finished videos."""
    with tempfile.TemporaryDirectory() as folder:
        services = instant_services(Path(folder))
        ids = services.ledger.register(trivial_sources(VIDEOS))
        write_finished(services, ids)
        best, baseline, states = float("inf"), float("inf"), set()
        for _ in range(3):
            began = time.perf_counter()
            states = {video.where.state for video in Standings(services.view).walk(ids)}
            best = min(best, time.perf_counter() - began)
            began = time.perf_counter()
            with services.ledger.engine.connect() as connection:
                r = tables.results.c
                list(connection.execute(sa.select(r.video_id, r.stage, r.fingerprint, r.status, r.digest)))
            baseline = min(baseline, time.perf_counter() - began)
        services.ledger.close()
    return {
        "videos": VIDEOS,
        "states": sorted(states),
        "checks_per_second": round(VIDEOS / best),
        "goal_per_second": 2000,
        "ratio_to_plain_read": round(best / baseline, 2),
    }


def main() -> None:
    """Run the benchmark and print one line of JSON, with or without `--json`."""
    print(json.dumps(measure()))


if __name__ == "__main__":
    main()
