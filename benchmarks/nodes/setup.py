"""What the benchmarks of nodes start on their machines: Ray, PostgreSQL, S3, and a model server on each machine."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.instant import config
from benchmarks.nodes.machines import Machine, Machines, machines
from benchmarks.nodes.postgres import running
from curation.ledger.databases import LEDGER
from schemas.configuration.config import CurateConfig, SourceSpec

MODEL_PORT = 8000
PLACES = 2
BUCKET = "films"
_S3_PORT = 5000
_KEYS = {"AWS_ACCESS_KEY_ID": "benchmark", "AWS_SECRET_ACCESS_KEY": "benchmark", "AWS_REGION": "us-east-1"}
MAKE_BUCKET = f"""
import boto3, time
for left in reversed(range(200)):
    try:
        boto3.client("s3").create_bucket(Bucket={BUCKET!r})
        break
    except Exception:
        if not left:
            raise
        time.sleep(0.2)
"""


class Site:
    """The machines with all that runs on them. The first one is the head."""

    def __init__(self, made: Machines, server: sa.URL, latency: float, capacity: int) -> None:
        """Model servers answer `capacity` requests at once, each after `latency` seconds."""
        self.made, self.server = made, server
        self._model = ["--port", MODEL_PORT, "--capacity", capacity, "--latency", latency]
        host = made.head.address
        address = server.set(drivername="postgresql", host=host, port=5432)
        self.environment = {
            LEDGER: address.render_as_string(hide_password=False),
            "AWS_ENDPOINT_URL": f"http://{host}:{_S3_PORT}",
            **_KEYS,
        }
        socket = str(self.ask("SHOW unix_socket_directories")[0][0])
        head = made.head
        made.start(head, "-m", "benchmarks.nodes.forward", f"{host}:5432", f"{socket}/.s.PGSQL.{server.port}")
        self.s3 = made.start(head, "-m", "moto.server", "-H", host, "-p", _S3_PORT)
        self.models: dict[str, subprocess.Popen[str]] = {}
        bucket = made.start(head, "-c", MAKE_BUCKET, environment=self.environment, stderr=subprocess.PIPE)
        if bucket.wait(timeout=120):
            raise RuntimeError(bucket.communicate()[1])

    def add(self, machine: Machine | None = None) -> Machine:
        """A new machine, or one that was switched off, with Ray and a model server."""
        machine = self.made.start_ray(self.environment, machine)
        self.models[machine.name] = self.made.start(machine, "-m", "demo.faulty_server", *self._model)
        return machine

    def drive(self, settings: CurateConfig, workspace: Path, *more: str) -> subprocess.Popen[str]:
        """Start a driver on the head; it prints a line of JSON."""
        file = workspace.with_suffix(".json")
        file.write_text(settings.model_dump_json())
        words = ["-m", "benchmarks.nodes.drive", file, workspace, *more]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return self.made.start(self.made.head, *words, environment=self.environment, **pipes)

    def ask(self, query: str, database: str | None = None) -> list[Any]:
        """What the database answers, or another one of the server; no rows where the statement gives none."""
        server = self.server if database is None else self.server.set(database=database)
        engine = sa.create_engine(server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            found = connection.execute(sa.text(query))
            return [tuple(row) for row in found] if found.returns_rows else []


@contextmanager
def site(latency: float, capacity: int, disk: int = 0) -> Iterator[Site]:
    """A head without Ray yet; `disk` as of `machines`. Raises RuntimeError and AssertionError."""
    with ExitStack() as closing:
        server = closing.enter_context(running())
        yield Site(closing.enter_context(machines(disk=disk)), server, latency, capacity)


def settings(films: Path, store: str, **run: Any) -> CurateConfig:
    """The configuration of the benchmarks: trivial videos, and on each node its own server."""
    model = {
        "engine": "openai",
        "model": "tiny",
        "base_urls": [f"http://127.0.0.1:{MODEL_PORT}/v1"],
        "concurrency": {"start": 8, "max": 8},
        "patience": 60,
    }
    document = config(**{"shard_size": 10, "shards_in_flight": PLACES, **run}).model_dump(mode="json")
    document["models"] |= {"captioner": model, "summarizer": model}
    document["store"] = {"address": store}
    document["sources"] = [SourceSpec(at=str(films)).model_dump(mode="json")]
    return CurateConfig.model_validate(document)
