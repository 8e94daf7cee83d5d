"""A list of 1,000 rows with 50 bad ones: 950 results and 50 reasons, through the real flow and server."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from benchmarks.instant import config, trivial_videos, with_instant_models
from curation.status.counts import summarize
from curation.status.standings import all_rejections
from schemas.config import SourceSpec

pytestmark = [pytest.mark.prefect, pytest.mark.slow]


def test_fifty_bad_rows_of_a_thousand_cost_nobody_else(tmp_path: Path, server: str) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from curation.pipeline.run import open_run
    from flows.curate import curate

    films = sorted(trivial_videos(tmp_path / "films", 950).iterdir())
    bad = [("", "no address"), ("nowhere.mp4", "no file"), ("file:///etc/passwd", "scheme"), ("\x00", "nonsense")]
    with (tmp_path / "list.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["url", "title"])
        for number in range(1000):
            if number % 20 == 7:
                writer.writerow(bad[number // 20 % len(bad)])
            else:
                writer.writerow([films.pop(), f"video {number}"])
    settings = config(shard_size=50, shards_in_flight=2)
    settings = settings.model_copy(update={"sources": (SourceSpec(at=str(tmp_path / "list.csv")),)})
    root = tmp_path / "workspace"
    with temporary_settings({PREFECT_API_URL: server}), open_run(root, settings) as run:
        with_instant_models(run.services)
        curate(settings, root)
        counts = summarize(run.services.view)
        reasons = list(all_rejections(run.services.ledger))
    assert [counts[k] for k in ("videos", "samples", "rejected", "pending")] == [1000, 950, 50, 0]
    rows = {int(r.evidence.split("row ")[1].split()[0].rstrip(":,;)")) for r in reasons}
    assert len(rows) == 50 and all("list.csv" in r.evidence for r in reasons)
