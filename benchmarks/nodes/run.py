"""Measures what nodes gain where models take the time: 1, 2, 4 and 8 machines, each with a model server of its own.

    python -m benchmarks nodes [--videos 240] [--nodes 1 2 4 8] [--latency 1.0] [--json]

The machines are network namespaces; Ray, PostgreSQL and the store are real. A model server answers a fixed number of
requests a second (`demo.faulty_server`: capacity / latency), so that a machine's rate is known: with more machines than
cores nothing else could be told. The baseline is one node, by the same driver. Rates are those of the time in which all
nodes worked and videos waited; `tail` is the part of the whole time in which only one node still had a shard. Give 100
videos or more for each node: results of fewer come in bursts, and the rate is then too high or too low.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.instant import trivial_videos
from benchmarks.nodes.machines import why_not
from benchmarks.nodes.setup import BUCKET, settings, site

NODES = (1, 2, 4, 8)


def measure(nodes: int, films: Path, latency: float, capacity: int, workers: int = 1) -> dict[str, Any]:
    """One run on so many nodes. Raises RuntimeError with what the driver said where it failed."""
    with site(latency, capacity) as here, tempfile.TemporaryDirectory() as folder:
        for number in range(nodes):
            here.add(here.made.head if number == 0 else None)
        chosen = settings(
            films, f"s3://{BUCKET}/run", engine="ray", ray_address=here.made.address, workers_per_node=workers
        )
        driver = here.drive(chosen, Path(folder) / "workspace")
        out, said = driver.communicate(timeout=3600)
        if driver.returncode:
            raise RuntimeError(said[-4000:])
        return {"nodes": nodes, **summary(json.loads(out.splitlines()[-1]))}


def summary(found: dict[str, Any]) -> dict[str, Any]:
    """The figures of one run: the rate while all worked, and the tail."""
    points, videos = found.pop("points"), found["videos"]
    ends = sorted(share["ended"] for share in found["shares"].values())
    # From a fifth of the videos, when even the last node has begun, to four fifths.
    window = [(at, done) for at, done in points if videos / 5 <= done <= videos * 4 / 5]
    (first, before), (last, after) = window[0], window[-1]
    tail = ends[-1] - ends[-2] if len(ends) > 1 else 0.0
    rate = (after - before) / (last - first)
    return {**found, "rate": round(rate, 3), "tail": round(tail / found["seconds"], 4), "worked": len(ends)}


def main() -> None:
    """Run the benchmark and print a line for each number of nodes, or one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks nodes", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--videos", type=int, default=240)
    parser.add_argument("--seconds", type=int, default=3, help="frames of a video")
    parser.add_argument("--nodes", type=int, nargs="+", default=NODES)
    parser.add_argument("--latency", type=float, default=1.0, help="seconds of a reply")
    parser.add_argument("--capacity", type=int, default=4, help="replies at once, of each node's server")
    parser.add_argument("--workers", type=int, default=1, help="worker processes of each node")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    options = parser.parse_args()
    if (reason := why_not()) is not None:
        sys.exit(reason)
    with tempfile.TemporaryDirectory() as scratch:
        films = trivial_videos(Path(scratch), options.videos, options.seconds)
        rows: list[dict[str, Any]] = []
        for nodes in options.nodes:
            row = measure(nodes, films, options.latency, options.capacity, options.workers)
            row["speed_up"] = round(row["rate"] / rows[0]["rate"], 2) if rows else 1.0
            row["same_bytes"] = row["export"] == rows[0]["export"] if rows else True
            rows.append(row)
            if not options.json:
                print(json.dumps({key: value for key, value in row.items() if key != "shares"}), flush=True)
    if options.json:
        print(json.dumps({"cores": os.cpu_count(), "latency": options.latency, "rows": rows}))


if __name__ == "__main__":
    main()
