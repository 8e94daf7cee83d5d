"""Measures whether a run's memory depends on the number of videos: the client's peak memory for 500 and 2,000 videos.

Each run is a process of its own with trivial videos and an instant model. Decoders, Prefect's server and model servers
are other processes, which are not counted. Baseline: the smaller run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.processes import peak_memory

FEW, MANY = 500, 2000


def measure() -> dict[str, Any]:
    """Run both. Returns their peaks in MB and the ratios, before the export and with it."""
    few, many = _child(FEW), _child(MANY)
    return {
        "videos": [FEW, MANY],
        "curating_mb": [few["curating_mb"], many["curating_mb"]],
        "with_export_mb": [few["with_export_mb"], many["with_export_mb"]],
        "ratio": round(many["curating_mb"] / few["curating_mb"], 3),
        "ratio_with_export": round(many["with_export_mb"] / few["with_export_mb"], 3),
        "kilobytes_a_video": round(1000 * (many["with_export_mb"] - few["with_export_mb"]) / (MANY - FEW), 1),
    }


def _child(videos: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.memory", "--run", str(videos)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    peaks: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return peaks


def _run(videos: int) -> dict[str, float]:
    """Curate so many videos in this process. Returns the peaks in MB when the export begins and at the end."""
    from benchmarks.instant import config, trivial_videos, with_instant_models
    from curation.pipeline.counts import Counts
    from curation.pipeline.run import open_run
    from flows.cli.app import collect_rarely
    from flows.local.prefect_server import local_server, quiet_environment
    from schemas.configuration.config import SourceSpec

    collect_rarely()  # as the command does
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sources = (SourceSpec(at=str(trivial_videos(folder / "films", videos))),)
        settings = config(shards_in_flight=2, shard_size=50).model_copy(update={"sources": sources})
        quiet_environment(folder / "prefect")
        with local_server(folder / "prefect") as url:
            from prefect.settings import PREFECT_API_URL, temporary_settings

            from curation.ledger.stages import STAGES
            from curation.status.standings import sample_ids
            from flows.curate import curate

            root = folder / "workspace"
            peaks: list[float] = []
            counts = Counts(lambda stage, _: peaks.append(_peak()) if stage == STAGES.names[-1] else None)
            with temporary_settings({PREFECT_API_URL: url}), open_run(root, settings, counts) as run:
                with_instant_models(run.services)
                curate(settings, root)
                if (made := len(sample_ids(run.services.view))) != videos:
                    raise SystemExit(f"{made} samples of {videos} videos: nothing was measured")
        return {"curating_mb": peaks[-1], "with_export_mb": _peak()}


def _peak() -> float:
    return round(peak_memory(), 1)


def main() -> None:
    """Run the benchmark and print one line of JSON, with or without `--json`."""
    parser = argparse.ArgumentParser(prog="v2xum bench memory", description=main.__doc__)
    parser.add_argument("--run", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    print(json.dumps(_run(arguments.run) if arguments.run else measure()))


if __name__ == "__main__":
    main()
