"""A vLLM server (the CPU build, `make vllm`) with a checkpoint of the demo, for benchmarks and tests."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks.processes import answers_health
from flows.local.model_server_command import serve_command
from schemas.configuration.config import CurateConfig
from schemas.configuration.loading import load_config
from schemas.errors import ConfigError
from schemas.kit.local_process import free_port
from schemas.repository import ROOT

CONFIG = ROOT / "configs" / "demo_vllm.yaml"
PYTHON = ROOT / os.environ.get("V2XUM_VLLM_VENV", ".venv-vllm") / "bin" / "python"
START_SECONDS = 400
# One thread for each server, not bound to a core: on two cores every other setting is several times slower.
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "OMP_NUM_THREADS": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
}


class VllmServer:
    """A server on a free port, as `v2xum serve` would start it. It can be killed and started again on that port."""

    def __init__(self, role: str, folder: Path, sets: Sequence[str] = (), swap: dict[str, str] | None = None) -> None:
        """Plan a server for a role of configs/demo_vllm.yaml with the overrides `sets`; its log goes to `folder`.

        `swap`: options of the recipe and what replaces them. Raises ConfigError when vLLM is not installed.
        """
        if not PYTHON.exists():
            raise ConfigError(f"vLLM is not installed at {PYTHON}: run `make vllm`")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.config: CurateConfig = load_config(CONFIG, [f"models.{role}.base_urls=[{self.url}]", *sets])
        recipe = serve_command(self.config, role)
        # The console script of the CPU build requires a distribution called vllm; the module does not.
        program = [str(PYTHON), "-m", "vllm.entrypoints.openai.api_server", "--model", recipe.program[-1]]
        options = [(swap or {}).get(part, part) for option in recipe.options for part in option]
        self.command = [*program, *options]
        self._log = folder / f"{role}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server without waiting for its first answer."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **ENVIRONMENT},
                start_new_session=True,
            )

    def wait(self) -> None:
        """Wait until the server answers. Raises ConfigError with the end of its log when it ended or took too long."""
        address = f"http://127.0.0.1:{self.port}"
        if self._process is None or not answers_health(address, self._process, START_SECONDS):
            raise ConfigError(f"vLLM did not start:\n{self._log.read_text(errors='replace')[-3000:]}")

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End the server and its children, if it runs."""
        if self._process is not None:
            os.killpg(self._process.pid, number)
            self._process.wait(timeout=60)
            self._process = None
