"""Real vLLM servers (the CPU build, from .venv-vllm) with the demo's checkpoints, started by the project's recipe."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq
import pytest

from flows.server import free_port
from flows.serving import Role, serve_command
from schemas.loading import load_config
from tests.flows.conftest import ROOT, films, server, v2xum

__all__ = ["films", "server", "v2xum"]
CONFIG = ROOT / "configs" / "demo_vllm.yaml"
PYTHON = ROOT / os.environ.get("V2XUM_VLLM_VENV", ".venv-vllm") / "bin" / "python"
START_SECONDS = 400
# One thread each, not bound to a core: on two cores anything else is several times slower.
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "OMP_NUM_THREADS": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
}


class Vllm:
    """One server that can be killed and started again on the same port."""

    def __init__(self, role: Role, folder: Path, *sets: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        config = load_config(CONFIG, [f"models.{role}.base_urls=[{self.url}]", *sets])
        recipe = serve_command(config, role)
        # The console script of the CPU build looks for a distribution called vllm; its module does not.
        program = [str(PYTHON), "-m", "vllm.entrypoints.openai.api_server", "--model", recipe.program[-1]]
        self.command = [*program, *(part for option in recipe.options for part in option)]
        self._log = folder / f"{role}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **ENVIRONMENT},
                start_new_session=True,
            )

    def wait(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self._log.read_text(errors="replace")[-3000:]
            try:
                with urllib.request.urlopen(self.url.removesuffix("/v1") + "/health", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.5)
        raise AssertionError(self._log.read_text(errors="replace")[-3000:])

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        if self._process is not None:
            os.killpg(self._process.pid, number)
            self._process.wait(timeout=60)
            self._process = None


class Servers(NamedTuple):
    """Both servers of the demo."""

    captioner: Vllm
    summarizer: Vllm

    def sets(self) -> list[str]:
        """Arguments of the command line that point a configuration at them."""
        roles = {"captioner": self.captioner, "summarizer": self.summarizer}
        return [part for role, one in roles.items() for part in ("--set", f"models.{role}.base_urls=[{one.url}]")]


@pytest.fixture(scope="session")
def vllm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """The demo's two checkpoints, served."""
    if not PYTHON.exists():
        pytest.skip("no vLLM here: make vllm")
    folder = tmp_path_factory.mktemp("vllm")
    (folder / "media").mkdir()
    media = f"models.captioner.media_path={folder / 'media'}"
    servers = Servers(Vllm("captioner", folder, media, "models.captioner.images=file"), Vllm("summarizer", folder))
    try:
        for one in servers:
            one.start()
        for one in servers:
            one.wait()
        yield servers
    finally:
        for one in servers:
            one.kill()


@pytest.fixture(scope="session")
def local(films: Path, tmp_path_factory: pytest.TempPathFactory, server: str) -> Path:
    """The demo's videos curated in process."""
    workspace = tmp_path_factory.mktemp("local")
    command = [sys.executable, "-m", "flows.cli", "curate", str(ROOT / "configs" / "demo.yaml"), "--source", str(films)]
    environment = {**os.environ, "PREFECT_API_URL": server}
    subprocess.run([*command, "--workspace", str(workspace)], cwd=ROOT, env=environment, check=True, timeout=400)
    return workspace


def texts(workspace: Path) -> dict[str, Any]:
    """What every published sample says, without what tells who made it."""
    rows: list[dict[str, Any]] = []
    for path in sorted((workspace / "export").rglob("*.parquet")):
        rows += pq.ParquetFile(path).read().to_pylist()
    return {row["id"]: {name: plain(row[name]) for name in row if name != "provenance"} for row in rows}


def plain(value: Any) -> Any:
    """A cell without picture bytes and efforts, which engines may count differently."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if key != "bytes"}
    return [plain(inner) for inner in value] if isinstance(value, list) else value
