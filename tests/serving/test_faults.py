"""The whole run against the fault-injecting server: what goes wrong there is mended, or stops the run with evidence."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from demo.fault_plan import even
from flows.server import free_port
from tests.flows.conftest import CONFIG as LOCAL
from tests.flows.conftest import ROOT, VIDEOS, status
from tests.serving.conftest import texts

pytestmark = [pytest.mark.prefect, pytest.mark.slow]
Call = Callable[..., subprocess.CompletedProcess[str]]
CHECKPOINTS = ROOT / "data" / "demo"


class FaultyServer:
    """The server in a process of its own, with the demo's checkpoints behind it; it can be killed and started again."""

    def __init__(self, **faults: float) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        options = [part for name, value in faults.items() for part in (f"--{name.replace('_', '-')}", str(value))]
        self._command = [sys.executable, "-m", "demo.faults", "--answer", "local", "--port", str(self.port), *options]
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            [*self._command, "--seed", "3", "--retry-after", "0.2", "--slow-seconds", "0.5"],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OMP_WAIT_POLICY": "passive"},
        )
        deadline = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/health", timeout=5).close()
                return
            except OSError:
                assert time.monotonic() < deadline and self._process.poll() is None
                time.sleep(0.1)

    def stats(self) -> dict[str, object]:
        with urllib.request.urlopen(f"{self.url}/stats", timeout=10) as response:
            found: dict[str, object] = json.load(response)
        return found

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(timeout=30)

    def sets(self) -> list[str]:
        """Arguments that put this server in the place of the demo's models."""
        model = f"{{engine: openai, model: tiny, base_urls: [{self.url}/v1], backoff: 0.05, patience: 120}}"
        return ["--set", f"models.captioner={model}", "--set", f"models.summarizer={model}"]


@contextmanager
def faulty(**faults: float) -> Iterator[FaultyServer]:
    server = FaultyServer(**faults)
    try:
        yield server
    finally:
        server.kill()


def test_faults_cost_time_and_nothing_else(films: Path, local: Path, tmp_path: Path, v2xum: Call) -> None:
    # Truncated and whitespace replies are asked for again at a temperature, which changes what is said: they have
    # tests of their own where they are read.
    kinds = ("rate_limit", "server_error", "drop_before", "drop_inside", "slow")
    with faulty(shuffle=0.05, **even(0.2, kinds)) as server:
        done = v2xum("curate", LOCAL, "--source", films, "--workspace", tmp_path, *server.sets())
        assert done.returncode == 0, done.stderr
        stats = server.stats()
    assert stats["faults"] and set(stats["faults"]) == set(kinds)  # type: ignore[call-overload]
    assert texts(tmp_path) == texts(local)
    summary = json.loads((tmp_path / "report" / "summary.json").read_text())
    assert "rate_limited" in json.dumps(summary)


def test_cut_off_replies_are_asked_again(films: Path, tmp_path: Path, v2xum: Call) -> None:
    with faulty(truncate=0.05, whitespace=0.05) as server:
        done = v2xum("curate", LOCAL, "--source", films, "--workspace", tmp_path, *server.sets())
    assert done.returncode == 0, done.stderr
    counts = status(v2xum, tmp_path)
    assert counts["samples"] + counts["rejected"] == counts["videos"]
    assert counts["samples"] >= VIDEOS - 1


@pytest.mark.parametrize(("fault", "word"), [("swap", "captions"), ("repeat", "caption")])
def test_captions_that_are_not_their_frames_halt_the_run(
    fault: str, word: str, films: Path, tmp_path: Path, v2xum: Call
) -> None:
    with faulty(**{fault: 1.0}) as server:
        done = v2xum("curate", LOCAL, "--source", films, "--workspace", tmp_path, *server.sets())
    assert done.returncode == 1, done.stdout + done.stderr
    assert word in done.stderr and "binding.html" in done.stderr
    page, evidence = tmp_path / "report" / "binding.html", tmp_path / "report" / "binding.json"
    assert page.stat().st_size > 1000 and json.loads(evidence.read_text())
    assert not (tmp_path / "export").exists()
    # What was withdrawn is captioned anew, once the server is right.
    with faulty() as server:
        again = v2xum("curate", LOCAL, "--source", films, "--workspace", tmp_path, *server.sets())
    assert again.returncode == 0, again.stderr
    assert status(v2xum, tmp_path)["samples"] == VIDEOS


def test_a_server_killed_in_mid_run_is_waited_for(films: Path, local: Path, tmp_path: Path, server: str) -> None:
    with faulty(latency=0.3, capacity=2) as models:
        command = [sys.executable, "-m", "flows.cli", "curate", str(LOCAL), "--source", str(films), *models.sets()]
        run = subprocess.Popen(
            [*command, "--workspace", str(tmp_path)],
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            deadline = time.monotonic() + 200
            while int(str(models.stats()["answered"])) < 20:
                assert time.monotonic() < deadline and run.poll() is None
                time.sleep(0.05)
            models.kill()
            time.sleep(4)
            models.start()
            _, said = run.communicate(timeout=400)
        finally:
            run.kill()
    assert run.returncode == 0, said
    assert "no model server since" in said
    assert texts(tmp_path) == texts(local)
