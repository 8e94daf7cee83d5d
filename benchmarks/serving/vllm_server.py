"""A real vLLM server (its CPU build, `make vllm`) with a checkpoint of the demo, for benchmarks and tests."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from flows.local.model_server_command import Role, serve_command
from flows.local.prefect_server import free_port
from schemas.config import CurateConfig
from schemas.errors import ConfigError
from schemas.loading import load_config
from schemas.repository import ROOT

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


class VllmServer:
    """One server on a free port, as `v2xum serve` would start it; it can be killed and started again on that port."""

    def __init__(self, role: Role, folder: Path, sets: Sequence[str] = (), swap: dict[str, str] | None = None) -> None:
        """Plan a server for a role of configs/demo_vllm.yaml with overrides `sets`; its log goes to `folder`.

        `swap` replaces options of the recipe by others. Raises ConfigError when there is no vLLM.
        """
        if not PYTHON.exists():
            raise ConfigError(f"no vLLM at {PYTHON}: make vllm")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.config: CurateConfig = load_config(CONFIG, [f"models.{role}.base_urls=[{self.url}]", *sets])
        recipe = serve_command(self.config, role)
        # The console script of the CPU build looks for a distribution called vllm; its module does not.
        program = [str(PYTHON), "-m", "vllm.entrypoints.openai.api_server", "--model", recipe.program[-1]]
        options = [(swap or {}).get(part, part) for option in recipe.options for part in option]
        self.command = [*program, *options]
        self._log = folder / f"{role}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, without waiting until it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **ENVIRONMENT},
                start_new_session=True,
            )

    def wait(self) -> None:
        """Wait until it answers. Raises ConfigError with the end of its log when it died or took too long."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process is not None and self._process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5).close()
            except OSError:
                time.sleep(0.5)
            else:
                return
        raise ConfigError(f"vLLM did not start:\n{self._log.read_text(errors='replace')[-3000:]}")

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it and its children, if it runs."""
        if self._process is not None:
            os.killpg(self._process.pid, number)
            self._process.wait(timeout=60)
            self._process = None
