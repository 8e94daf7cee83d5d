"""Requests with different pictures, and the `openai` engine with settings for tests."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from demo.faulty_server.answers import hash_of
from models.chat import Reply, Request
from models.meter import Meter
from models.servers.chat_model import RemoteChatModel
from schemas.configuration.model_config import OpenAIModel


def config(*urls: str, **options: Any) -> OpenAIModel:
    """A configuration of the model `tiny` with short times."""
    settings = {"backoff": 0.02, "timeout": 20, "patience": 30, "concurrency": {"start": 8, "max": 32}} | options
    return OpenAIModel.model_validate({"engine": "openai", "model": "tiny", "base_urls": urls} | settings)


def remote(
    *urls: str, meter: Meter | None = None, raise_if_stopped: Callable[[], None] = lambda: None, **options: Any
) -> RemoteChatModel:
    """The engine at these servers."""
    return RemoteChatModel(config(*urls, **options), meter or Meter(), raise_if_stopped)


def pictured(count: int, seed: int = 0) -> list[Request]:
    """Requests whose pictures (any bytes) all differ."""
    rng = random.Random(seed)
    return [Request("Describe the picture.", rng.randbytes(400), None, 64) for _ in range(count)]


def belongs(request: Request, reply: Reply) -> bool:
    """Whether the hashed answerer wrote a reply for this request's picture."""
    assert request.image is not None
    return reply.finish == "stop" and hash_of(reply.text) == hashlib.sha256(request.image).hexdigest()[:16]


class FaultProcess:
    """A faulty server in a process of its own, which a test can kill."""

    def __init__(self, **plan: float) -> None:
        self._options = [f"--{name.replace('_', '-')}={value}" for name, value in plan.items()]
        self._process: subprocess.Popen[str] | None = None
        self._port = "0"
        self.url = ""

    def start(self) -> None:
        command = [sys.executable, "-m", "demo.faulty_server", f"--port={self._port}", *self._options]
        environment = os.environ | {"PYTHONPATH": str(Path.cwd())}
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().split()[2]
        self._port = self.url.split(":")[2].removesuffix("/v1")

    def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate(timeout=30)

    def answered(self) -> int:
        with urllib.request.urlopen(f"{self.url.removesuffix('/v1')}/stats", timeout=30) as response:
            return int(json.load(response)["answered"])

    def __enter__(self) -> FaultProcess:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.kill()
