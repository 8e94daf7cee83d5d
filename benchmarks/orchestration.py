"""Measures the time that a video costs outside its stages, with 1,000 trivial videos and an instant model.

The real flow and server run. Overhead = wall time of the flow minus the stages' own time (from the ledger) minus the
export; only one shard and one worker run at a time, so that the times can be subtracted. The export (reading every
record and picture, writing and checking the dataset) is a figure of its own, and so is the start of the server, which
happens once in a run.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import sqlalchemy as sa

from benchmarks.instant import config, trivial_videos, with_instant_models
from curation.dataset.export import export_workspace
from curation.ledger import tables
from curation.pipeline.run import open_run
from curation.pipeline.services import Services
from curation.workspace import Workspace
from flows.cli.app import collect_rarely
from flows.local.prefect_server import local_server, quiet_environment
from schemas.configuration.config import SourceSpec
from schemas.manifest import Manifest

VIDEOS = 1000


class _TimedExport:
    """Calls the real export and adds up the seconds that it took."""

    seconds = 0.0

    def __call__(self, workspace: Workspace, services: Services, **options: Any) -> Manifest:
        began = time.perf_counter()
        try:
            return export_workspace(workspace, services, **options)
        finally:
            self.seconds += time.perf_counter() - began


def measure(videos: int = VIDEOS) -> dict[str, Any]:
    """Curate the videos. Returns how the wall time divides into stages, export and the rest."""
    export = _TimedExport()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        films = trivial_videos(folder / "films", videos)
        settings = config(shards_in_flight=1, download_workers=1, decode_workers=1, shard_size=50)
        settings = settings.model_copy(update={"binding": settings.binding.model_copy(update={"mode": "score-only"})})
        settings = settings.model_copy(update={"sources": (SourceSpec(at=str(films)),)})
        quiet_environment(folder / "prefect")
        began = time.perf_counter()
        with local_server(folder / "prefect") as url:
            # Imported here: Prefect reads the environment, which must be quiet by then, when it is first imported.
            from prefect.settings import PREFECT_API_URL, temporary_settings

            import tasks.export
            from flows.curate import curate

            started = time.perf_counter()
            root = folder / "workspace"
            timed = mock.patch.object(tasks.export, "export_workspace", export)
            with timed, temporary_settings({PREFECT_API_URL: url}), open_run(root, settings) as run:
                with_instant_models(run.services)
                counts = curate(settings, root)
                wall = time.perf_counter() - started
                with run.services.ledger.engine.connect() as connection:
                    inside = connection.execute(sa.select(sa.func.sum(tables.results.c.seconds))).scalar_one()
    return {
        "videos": videos,
        "samples": counts.samples,
        "outside_ms": round(1000 * (wall - inside - export.seconds) / videos, 2),
        "goal_outside_ms": 5,
        "stages_ms": round(1000 * inside / videos, 2),
        "export_ms": round(1000 * export.seconds / videos, 2),
        "server_start_seconds": round(started - began, 1),
    }


def main() -> None:
    """Run the benchmark and print one line of JSON, with or without `--json`."""
    collect_rarely()  # as the command does
    print(json.dumps(measure()))


if __name__ == "__main__":
    main()
