"""What a video costs outside its stages: 1,000 trivial videos with an instant model through the real flow and server.

Overhead = wall time of the flow minus the time that the stages themselves took (as the ledger has it), with one shard
and one worker at a time so that the two can be subtracted. The start of the server is told apart: it is once a run.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.instant import config, trivial_videos, with_instant_models
from curation import tables
from flows.server import local_server, quiet_environment
from schemas.config import SourceSpec
from tasks.run import open_run

VIDEOS = 1000


def measure(videos: int = VIDEOS) -> dict[str, Any]:
    """Curate and say how the wall time divides."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        films = trivial_videos(folder / "films", videos)
        settings = config(shards_in_flight=1, download_workers=1, decode_workers=1, shard_size=50)
        settings = settings.model_copy(update={"sources": (SourceSpec(at=str(films)),)})
        quiet_environment(folder / "prefect")
        began = time.perf_counter()
        with local_server(folder / "prefect") as url:
            from prefect.settings import PREFECT_API_URL, temporary_settings

            from flows.curate import curate

            started = time.perf_counter()
            root = folder / "workspace"
            with temporary_settings({PREFECT_API_URL: url}), open_run(root, settings) as run:
                with_instant_models(run.services)
                counts = curate(settings, root)
                wall = time.perf_counter() - started
                with run.services.ledger.engine.connect() as connection:
                    inside = connection.execute(sa.select(sa.func.sum(tables.results.c.seconds))).scalar_one()
    return {
        "videos": videos,
        "samples": counts["samples"],
        "milliseconds_a_video_outside_stages": round(1000 * (wall - inside) / videos, 2),
        "goal_milliseconds": 10,
        "milliseconds_a_video_inside_stages": round(1000 * inside / videos, 2),
        "server_start_seconds": round(started - began, 1),
    }


if __name__ == "__main__":
    print(json.dumps(measure()))
