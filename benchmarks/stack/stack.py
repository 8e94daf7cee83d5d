"""The stack: PostgreSQL, Prefect, Ray on three machines, a store, vLLM and Label Studio, started and stopped as one.

The machines are network namespaces (`benchmarks.nodes.machines`). All servers but PostgreSQL run on the head: those
that nodes ask listen on its address in the machines' own network, the others on its 127.0.0.1. Nothing of it can be
reached from outside this machine; a browser here comes to Prefect and Label Studio by forwards on 127.0.0.1.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import sqlalchemy as sa

from annotation.label_studio.access import read_access
from benchmarks.nodes.machines import Machines, machines
from benchmarks.nodes.postgres import SECRET, running
from benchmarks.nodes.setup import BUCKET, MAKE_BUCKET
from benchmarks.serving.vllm_server import CONFIG
from benchmarks.stack.commands import (
    POOL,
    WORKER,
    forwards,
    prefect_environment,
    vllm_command,
    vllm_environment,
    worker_environment,
)
from benchmarks.stack.parts import Parts, answers
from benchmarks.stack.secrets_file import Secrets, write_environment
from curation.ledger.databases import LEDGER
from demo import site
from schemas.configuration.loading import load_config
from schemas.errors import RunStopped
from schemas.kit.local_process import free_port

NODES = 2
ROLES: dict[str, int] = {"captioner": 8000, "summarizer": 8100}
_START = 600.0  # seconds: vLLM and Label Studio take a minute each on a quiet machine


class Stack:
    """What runs. `environment` is that of nodes and of the worker; `at` names the addresses for people."""

    def __init__(self, folder: Path, made: Machines, parts: Parts, server: sa.URL, secrets: Secrets) -> None:
        """Begin nothing yet; `server` is PostgreSQL's address on this machine."""
        self.folder, self.workspace = folder, folder / "workspace"
        self._made, self._parts, self._server, self._secrets = made, parts, server, secrets
        self.host = made.head.address
        self._prefect, self._labels = _port(4200), _port(8080)
        self.api = f"http://127.0.0.1:{self._prefect}/api"
        self.at = {"prefect": self.api.removesuffix("/api"), "label_studio": f"http://127.0.0.1:{self._labels}"}
        self.environment = {
            LEDGER: self._database("ledger", "postgresql"),
            "AWS_ENDPOINT_URL": f"http://{self.host}:5000",
            "AWS_ACCESS_KEY_ID": "v2xum",
            "AWS_SECRET_ACCESS_KEY": secrets.store,
            "AWS_REGION": "us-east-1",
            "V2XUM_API_KEY": secrets.model,
        }

    def start(self, report: Callable[[str], None]) -> None:
        """Start everything and wait until it is healthy. Raises RunStopped with the log of what is not."""
        self.workspace.mkdir(mode=0o700)
        for name in ("prefect", "ledger"):
            self._create_database(name)
        self._forward()
        self._parts.wait()
        self._begin_models()
        self._begin("labels", "-m", "benchmarks.stack.labels", self.workspace, self._labels, healthy=self._labels_ready)
        self._begin("s3", "-m", "moto.server", "-H", self.host, "-p", 5000)
        self._begin_prefect()
        report("waiting for Prefect ...")
        self._parts.wait("prefect")
        self._begin("worker", *WORKER, "--name", "stack", healthy=self._worker_online, **self._worker_environment())
        self.run("-c", MAKE_BUCKET)
        for number in range(NODES + 1):
            report(f"starting Ray on {'the head' if not number else f'node {number}'} ...")
            self._made.start_ray(self.environment, self._made.head if not number else None)
            self._parts.check()
        report("waiting for vLLM and Label Studio ...")
        self._parts.wait()
        self._write_environment()

    def check(self) -> None:
        """Raise RunStopped when a part has ended."""
        self._parts.check()

    def serve_films(self, folder: Path) -> str:
        """Serve the demo's site to the machines; its address."""
        address = f"http://{self.host}:{site.PORT}"
        self._begin("films", "-c", _SERVE_FILMS, folder, self.host)
        return address

    def config(self, films: Path) -> Path:
        """Write the configuration of a run on this stack, over a list of films; returns its path."""
        sets = [f"models.{role}.base_urls=[http://{self.host}:{port}/v1]" for role, port in ROLES.items()]
        sets += [f"run.ray_address={self._made.address}", "run.engine=ray", f"store.address=s3://{BUCKET}/stack"]
        loaded = load_config(CONFIG, [*sets, f"sources=[{{at: {films}}}]", "name=stack", *STATED])
        path = self.folder / "run.yaml"
        path.write_text(loaded.model_dump_json(indent=2, exclude_defaults=True))
        return path

    @property
    def password(self) -> str:
        """What Prefect asks for: USER:PASSWORD."""
        return self._secrets.prefect

    def prefect(self) -> httpx.Client:
        """A client of Prefect's API."""
        user, _, password = self._secrets.prefect.partition(":")
        return httpx.Client(base_url=self.api, auth=(user, password), timeout=60)

    def run(self, *words: object) -> str:
        """Run Python on the head as the worker would, until it ends; its output. Raises RunStopped where it fails."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = self._made.start(self._made.head, *words, environment=self._worker_environment(), **pipes)
        try:
            out, said = process.communicate(timeout=_START)
        except subprocess.TimeoutExpired as error:  # the process ends with its machine
            raise RunStopped(f"{' '.join(map(str, words))} took longer than {_START:.0f} s") from error
        if process.returncode:
            raise RunStopped(f"{' '.join(map(str, words))}: {self._hidden(out + said)[-3000:]}")
        return out

    def _hidden(self, text: str) -> str:
        for secret in (SECRET, *self._secrets):
            text = text.replace(secret, "***")
        return text

    def _begin(self, name: str, *words: object, healthy: Callable[[], bool] = lambda: True, **more: str) -> None:
        """Begin Python on the head, with `more` in its environment."""
        self._begin_program(name, [sys.executable, *words], more, healthy)

    def _begin_program(
        self, name: str, command: list[object], more: dict[str, str], healthy: Callable[[], bool]
    ) -> None:
        head = self._made.head
        told = {**self._made.environment, "HOME": str(head.home), **more}
        self._parts.begin(name, head.command(*command), told, healthy, _START)

    def _forward(self) -> None:
        """Let the head reach PostgreSQL, and browsers of this machine the head's servers."""
        sockets = self._made.folder  # closed to others
        (postgres,) = self._ask("SHOW unix_socket_directories")
        models = [f"{self.host}:{port}" for port in ROLES.values()]
        there, here = forwards(sockets, (self._prefect, self._labels), models)
        database = [f"{self.host}:5432", f"{postgres}/.s.PGSQL.{self._server.port}"]
        listens = Path(there[-2]).exists  # the last one
        self._begin("head-forward", "-m", "benchmarks.nodes.forward", *database, *there, healthy=listens)
        words = [sys.executable, "-m", "benchmarks.nodes.forward", *here]
        self._parts.begin("forward", words, self._made.environment)

    def _begin_models(self) -> None:
        for role, port in ROLES.items():
            healthy = partial(_socket_answers, self._made.folder / str(port))
            told = vllm_environment(self._secrets.model)
            self._begin_program(f"vllm-{role}", vllm_command(role, self.host, port), told, healthy)

    def _begin_prefect(self) -> None:
        database = self._database("prefect", "postgresql+asyncpg")
        told = prefect_environment(self.api, self.password, database, self.folder / "prefect")
        words = ("-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", self._prefect)
        self._begin("prefect", *words, healthy=answers(f"{self.api}/health"), **told)

    def _worker_environment(self) -> dict[str, str]:
        return {**self.environment, **worker_environment(self.api, self.password, self.folder / "worker")}

    def _worker_online(self) -> bool:
        with self.prefect() as http:
            found = http.post(f"/work_pools/{POOL}/workers/filter", json={})
            return found.is_success and any(each["status"] == "ONLINE" for each in found.json())

    def _labels_ready(self) -> bool:
        """Whether Label Studio answers with the token that its folder has."""
        access = read_access(self.workspace)
        if access is None:
            return False
        try:
            told = {"Authorization": f"Token {access.token}"}
            return httpx.get(f"{access.url}/api/current-user/whoami", headers=told, timeout=5).is_success
        except httpx.HTTPError:
            return False

    def _write_environment(self) -> None:
        access = read_access(self.workspace)
        assert access is not None
        outside = self._server.set(database="ledger", drivername="postgresql")
        write_environment(
            self.folder,
            {
                "PREFECT_API_URL": self.api,
                "PREFECT_API_AUTH_STRING": self._secrets.prefect,
                LEDGER: outside.render_as_string(hide_password=False),
                "STACK_LABEL_STUDIO_USER": access.username,
                "STACK_LABEL_STUDIO_PASSWORD": access.password,
                "V2XUM_API_KEY": self._secrets.model,
                "AWS_SECRET_ACCESS_KEY": self._secrets.store,
            },
        )

    def _database(self, name: str, driver: str) -> str:
        """The address of a database as the machines reach it."""
        address = self._server.set(drivername=driver, host=self.host, port=5432, database=name)
        return address.render_as_string(hide_password=False)

    def _create_database(self, name: str) -> None:
        self._ask(f'CREATE DATABASE "{name}"')

    def _ask(self, query: str) -> list[Any]:
        engine = sa.create_engine(self._server, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
        with engine.connect() as connection:
            found = connection.execute(sa.text(query))
            return [row[0] for row in found] if found.returns_rows else []


_SERVE_FILMS = """
import sys, time
from pathlib import Path
from demo.site import serve
with serve(Path(sys.argv[1]), sys.argv[2]):
    time.sleep(1e8)
"""
STATED = ("export.title=The demo on a stack", "export.licence=apache-2.0")


@contextmanager
def stack(folder: Path, report: Callable[[str], None]) -> Iterator[Stack]:
    """A running stack, whose files lie in `folder`, which is empty. Leaving the context ends all of it.

    Raises RunStopped, with the log, when a part does not start; ConfigError when one is not installed.
    """
    secrets = Secrets.new()
    with ExitStack() as closing:
        report("starting PostgreSQL ...")
        server = closing.enter_context(running())
        made = closing.enter_context(machines("v2xum-stack"))
        parts = closing.enter_context(Parts(folder / "logs", (SECRET, *secrets)))
        made_stack = Stack(folder, made, parts, server, secrets)
        made_stack.start(report)
        yield made_stack


def _port(wished: int) -> int:
    """The port, or another one where it is taken on this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wished))
        except OSError:
            return free_port()
    return wished


def _socket_answers(path: Path) -> bool:
    """Whether /health is answered behind a Unix socket."""
    try:
        with httpx.Client(transport=httpx.HTTPTransport(uds=str(path)), timeout=5) as http:
            return http.get("http://vllm/health").is_success
    except httpx.HTTPError:
        return False
