"""The commands and environments of the stack's servers, and which address is forwarded to which."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from benchmarks.serving.vllm_server import CONFIG, ENVIRONMENT, PYTHON
from flows.local.model_server_command import serve_command
from flows.local.prefect_server import PREFECT_QUIET
from schemas.configuration.loading import load_config
from schemas.errors import ConfigError

POOL = "v2xum"
WORKER = ("-m", "prefect", "--no-prompt", "worker", "start", "--pool", POOL, "--type", "process", "--limit", "2")


def vllm_command(role: str, host: str, port: int) -> list[object]:
    """The command of a model server for a role of configs/demo_vllm.yaml. Raises ConfigError without vLLM."""
    if not PYTHON.exists():
        raise ConfigError(f"vLLM is not installed at {PYTHON}: run `make vllm`")
    recipe = serve_command(load_config(CONFIG, [f"models.{role}.base_urls=[http://{host}:{port}/v1]"]), role)
    options = [part for option in recipe.options for part in option]
    options[options.index("--host") + 1] = host
    return [PYTHON, "-m", "vllm.entrypoints.openai.api_server", "--model", recipe.program[-1], *options]


def vllm_environment(key: str) -> dict[str, str]:
    """What a model server is told besides; `key` is what it asks for."""
    return {**ENVIRONMENT, "VLLM_API_KEY": key}


def prefect_environment(api: str, password: str, database: str, home: Path) -> dict[str, str]:
    """What Prefect's server is told. `password`: what it asks for, USER:PASSWORD; `database`: an address."""
    return {
        **PREFECT_QUIET,
        "PREFECT_SERVER_UI_ENABLED": "true",
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": database,
        "PREFECT_SERVER_API_AUTH_STRING": password,
        "PREFECT_API_AUTH_STRING": password,
        # Places of limits are files of PREFECT_HOME: in memory they would stay taken after a crash of the server.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "PREFECT_HOME": str(home),
        "PREFECT_UI_API_URL": api,
    }


def worker_environment(api: str, password: str, home: Path) -> dict[str, str]:
    """What Prefect's worker is told, and commands of ours that ask Prefect's server."""
    return {
        "DO_NOT_TRACK": "1",
        "PREFECT_API_URL": api,
        "PREFECT_API_AUTH_STRING": password,
        "PREFECT_HOME": str(home),
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_WORKER_QUERY_SECONDS": "3",
    }


def forwards(sockets: Path, loopback: Iterable[int], inner: Iterable[str]) -> tuple[list[str], list[str]]:
    """What is forwarded on the head, and what on this machine, as `benchmarks.nodes.forward` reads it.

    Ports `loopback` of the head's 127.0.0.1 are the same ports here. Addresses `inner` of the machines' network are
    reached from here by sockets alone, which nobody else may open.
    """
    there: list[str] = []
    here: list[str] = []
    for port in loopback:
        there += [f"{sockets}/{port}", f"127.0.0.1:{port}"]
        here += [f"127.0.0.1:{port}", f"{sockets}/{port}"]
    for address in inner:
        there += [f"{sockets}/{address.rpartition(':')[2]}", address]
    return there, here
