"""Measures what nodes gain where models take the time: 1, 2, 4 and 8 machines, each with a model server of its own.

    python -m benchmarks nodes [--videos 240] [--nodes 1 2 4 8] [--latency 1.0] [--json]

The machines are network namespaces; Ray, PostgreSQL and the store are real. A model server answers a fixed number of
requests a second (`demo.faulty_server`: capacity / latency), so that a machine's rate is known: with more machines than
cores nothing else could be told. The baseline is one node, by the same driver. Rates are those of the time in which all
nodes worked and videos waited; `tail` is the part of the whole time in which only one node still had a shard.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.instant import config, trivial_videos
from benchmarks.nodes.machines import machines, why_not
from benchmarks.nodes.postgres import running
from curation.ledger.databases import LEDGER
from schemas.configuration.config import CurateConfig, SourceSpec

NODES = (1, 2, 4, 8)
PORT = 8000
_PLACES = 2


def settings(films: Path, address: str, store: Path) -> CurateConfig:
    """The benchmark's configuration: trivial videos, and on each node its own server."""
    base = config(engine="ray", ray_address=address, shard_size=10, shards_in_flight=_PLACES, claim_seconds=30.0)
    model = {
        "engine": "openai",
        "model": "tiny",
        "base_urls": [f"http://127.0.0.1:{PORT}/v1"],
        "concurrency": {"start": 8, "max": 8},
    }
    document = base.model_dump(mode="json")
    document["models"] |= {"captioner": model, "summarizer": model}
    document["store"] = {"address": store.as_uri()}
    document["sources"] = [SourceSpec(at=str(films)).model_dump(mode="json")]
    return CurateConfig.model_validate(document)


def measure(nodes: int, films: Path, latency: float, capacity: int) -> dict[str, Any]:
    """One run on so many nodes. Raises RuntimeError with what the driver said where it failed."""
    with ExitStack() as closing:
        server = closing.enter_context(running())
        folder = Path(closing.enter_context(tempfile.TemporaryDirectory()))
        (folder / "store").mkdir()
        made = closing.enter_context(machines())
        head = made.head
        socket = _socket(server)
        made.start(head, "-m", "benchmarks.nodes.forward", head.address, 5432, f"{socket}/.s.PGSQL.{server.port}")
        address = server.set(drivername="postgresql", host=head.address, port=5432)
        environment = {LEDGER: address.render_as_string(hide_password=False)}
        for number in range(nodes):
            machine = made.start_ray(environment, head if number == 0 else None)
            model = ["--port", PORT, "--capacity", capacity, "--latency", latency]
            made.start(machine, "-m", "demo.faulty_server", *model)
        (folder / "config.json").write_text(settings(films, made.address, folder / "store").model_dump_json())
        driver = made.start(
            head, "-m", "benchmarks.nodes.drive", folder / "config.json", folder / "workspace",
            environment=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        out, said = driver.communicate(timeout=3600)
        if driver.returncode:
            raise RuntimeError(said[-4000:])
        return {"nodes": nodes, **summary(json.loads(out.splitlines()[-1]), nodes)}


def summary(found: dict[str, Any], nodes: int) -> dict[str, Any]:
    """The figures of one run: the rate while all worked, and the tail."""
    points, videos = found.pop("points"), found["videos"]
    ends = sorted(share["ended"] for share in found["shares"].values())
    # From a fifth of the videos, when even the last node has begun, to four fifths.
    window = [(at, done) for at, done in points if videos / 5 <= done <= videos * 4 / 5]
    (first, before), (last, after) = window[0], window[-1]
    tail = ends[-1] - ends[-2] if len(ends) > 1 else 0.0
    return {
        **found,
        "rate": round((after - before) / (last - first), 3),
        "tail": round(tail / found["seconds"], 4),
        "worked": len(ends),
        "all": nodes,
    }


def _socket(server: Any) -> str:
    import psycopg

    text = server.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(text) as connection:
        row = connection.execute("SHOW unix_socket_directories").fetchone()
    assert row is not None
    return str(row[0])


def main() -> None:
    """Run the benchmark and print a line for each number of nodes, or one line of JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks nodes", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--videos", type=int, default=240)
    parser.add_argument("--seconds", type=int, default=3, help="frames of a video")
    parser.add_argument("--nodes", type=int, nargs="+", default=NODES)
    parser.add_argument("--latency", type=float, default=1.0, help="seconds of a reply")
    parser.add_argument("--capacity", type=int, default=4, help="replies at once, of each node's server")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    options = parser.parse_args()
    if (reason := why_not()) is not None:
        sys.exit(reason)
    with tempfile.TemporaryDirectory() as scratch:
        films = trivial_videos(Path(scratch), options.videos, options.seconds)
        rows: list[dict[str, Any]] = []
        for nodes in options.nodes:
            row = measure(nodes, films, options.latency, options.capacity)
            row["speed_up"] = round(row["rate"] / rows[0]["rate"], 2) if rows else 1.0
            row["same_bytes"] = row["export"] == rows[0]["export"] if rows else True
            rows.append(row)
            if not options.json:
                print(json.dumps({key: value for key, value in row.items() if key != "shares"}), flush=True)
    if options.json:
        print(json.dumps({"cores": os.cpu_count(), "latency": options.latency, "rows": rows}))


if __name__ == "__main__":
    main()
