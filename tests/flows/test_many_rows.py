"""A list of 200 rows with 10 bad ones: 190 results and 10 reasons, through the real flow and server."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from benchmarks.instant import config, trivial_videos, with_instant_models
from curation.status.counts import summarize
from curation.status.standings import all_rejections
from schemas.configuration.config import SourceSpec
from tests.runs import run_flow

pytestmark = [pytest.mark.prefect, pytest.mark.slow]


def test_bad_rows_among_many_cost_nobody_else(tmp_path: Path, server: str) -> None:
    films = sorted(trivial_videos(tmp_path / "films", 190).iterdir())
    bad = [("", "no address"), ("nowhere.mp4", "no file"), ("file:///etc/passwd", "scheme"), ("\x00", "nonsense")]
    with (tmp_path / "list.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["url", "title"])
        for number in range(200):
            if number % 20 == 7:
                writer.writerow(bad[number // 20 % len(bad)])
            else:
                writer.writerow([films.pop(), f"video {number}"])
    counts, reasons = in_a_child(server, tmp_path / "list.csv", tmp_path / "workspace")
    assert [counts[k] for k in ("videos", "samples", "rejected", "pending")] == [200, 190, 10, 0]
    rows = {int(reason.split("row ")[1].split()[0].rstrip(":,;)")) for reason in reasons}
    assert len(rows) == 10 and all("list.csv" in reason for reason in reasons)


def in_a_child(server: str, rows: Path, root: Path) -> tuple[dict[str, Any], list[str]]:
    """What `curated` returns, from a process of its own: Prefect's threads would live on in this one."""
    counts, reasons = run_flow(server, __name__, "curated", {"rows": str(rows), "root": str(root)}, 600)
    return counts, reasons


def curated(rows: str, root: str) -> tuple[dict[str, Any], list[str]]:
    """Body of the child: what a run on the list `rows` leaves in the workspace `root`, and why rows were rejected."""
    from curation.pipeline.run import open_run
    from flows.curate import curate

    settings = config(shard_size=20, shards_in_flight=2)
    settings = settings.model_copy(update={"sources": (SourceSpec(at=rows),)})
    with open_run(Path(root), settings) as run:
        with_instant_models(run.services)
        curate(settings, Path(root))
        counts = summarize(run.services.view).model_dump()
        return counts, [reason.evidence for reason in all_rejections(run.services.view)]
