"""Whole runs against the fault-injecting server: a fault is repaired, or it stops the run with evidence."""

from __future__ import annotations

import json
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.processes import answers_health
from demo.faulty_server.plan import even
from schemas.kit.local_process import free_port
from tests.forks import Forked
from tests.runs import CONFIG as LOCAL
from tests.runs import VIDEOS, status
from tests.serving.conftest import texts

pytestmark = [pytest.mark.prefect, pytest.mark.slow]
Call = Callable[..., subprocess.CompletedProcess[str]]


class FaultyServer:
    """The faulty server with the demo's checkpoints, in a process of its own. It can be killed and started again."""

    def __init__(self, **faults: float) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        options = [part for name, value in faults.items() for part in (f"--{name.replace('_', '-')}", str(value))]
        self._words = ["--answer", "local", "--port", str(self.port), *options]
        self.start()

    def start(self) -> None:
        words = [*self._words, "--seed", "3", "--retry-after", "0.2", "--slow-seconds", "0.5"]
        self._process = Forked("demo.faulty_server.__main__", words)
        assert answers_health(self.url, self._process, 120)

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


@pytest.fixture(scope="module")
def sound() -> Iterator[FaultyServer]:
    """A server without faults."""
    with faulty() as server:
        yield server


@pytest.fixture(scope="module")
def swapping() -> Iterator[FaultyServer]:
    """A server that answers each question with the answer to another."""
    with faulty(swap=1.0) as server:
        yield server


@pytest.fixture(scope="module")
def repeating() -> Iterator[FaultyServer]:
    """A server that gives the same answer again and again."""
    with faulty(repeat=1.0) as server:
        yield server


def test_faults_cost_time_and_nothing_else(films: Path, undisturbed: Path, tmp_path: Path, v2xum: Call) -> None:
    # Truncated and whitespace replies are asked for again at a temperature, which changes what is said: they have
    # tests of their own where they are read.
    kinds = ("rate_limit", "server_error", "drop_before", "drop_inside", "slow")
    with faulty(shuffle=0.05, **even(0.2, kinds)) as server:
        done = v2xum("curate", LOCAL, "--source", films, "--workspace", tmp_path, *server.sets())
        assert done.returncode == 0, done.stderr
        stats = server.stats()
    assert stats["faults"] and set(stats["faults"]) == set(kinds)  # type: ignore[call-overload]
    assert texts(tmp_path) == texts(undisturbed)
    summary = json.loads((tmp_path / "report" / "summary.json").read_text())
    assert "rate_limited" in json.dumps(summary)


def test_cut_off_replies_are_asked_again(films: Path, tmp_path: Path, v2xum: Call) -> None:
    with faulty(truncate=0.05, whitespace=0.05) as server:
        done = v2xum("curate", LOCAL, "--source", films, "--workspace", tmp_path, *server.sets())
    assert done.returncode == 0, done.stderr
    counts = status(v2xum, tmp_path)
    assert counts["samples"] + counts["rejected"] == counts["videos"]
    assert counts["samples"] >= VIDEOS - 1


# Each alarm alone: the canaries and the comparison would notice a repeated caption as well.
ALONE = {
    "match": ["--set", "binding.canaries=0", "--set", "binding.max_share=1"],
    "canaries": ["--set", "models.clip=null", "--set", "binding.max_share=1"],
    "repeated": ["--set", "models.clip=null", "--set", "binding.canaries=0"],
}


@pytest.mark.parametrize(
    ("fault", "alarm"), [("swapping", "match"), ("swapping", "canaries"), ("repeating", "repeated")]
)
def test_captions_that_are_not_their_frames_halt_the_run(
    fault: str,
    alarm: str,
    sound: FaultyServer,
    films: Path,
    undisturbed: Path,
    tmp_path: Path,
    v2xum: Call,
    request: pytest.FixtureRequest,
) -> None:
    bad: FaultyServer = request.getfixturevalue(fault)
    done = v2xum("curate", LOCAL, "--source", films, "--workspace", tmp_path, *bad.sets(), *ALONE[alarm])
    assert done.returncode == 1, done.stdout + done.stderr
    assert "captions are not where they belong" in done.stderr and "binding.html" in done.stderr
    evidence = json.loads((tmp_path / "report" / "binding.json").read_text())
    assert evidence["alarm"]["kind"] == alarm
    assert "data:image/jpeg" in (tmp_path / "report" / "binding.html").read_text()
    assert not (tmp_path / "export").exists()
    # What was in doubt is captioned anew once the server is right, and nothing wrong is left.
    again = v2xum("curate", LOCAL, "--source", films, "--workspace", tmp_path, *sound.sets(), *ALONE[alarm])
    assert again.returncode == 0, again.stderr
    assert texts(tmp_path) == texts(undisturbed)


def test_one_faulty_replica_among_three_halts_the_run_and_is_named(
    sound: FaultyServer, swapping: FaultyServer, films: Path, tmp_path: Path, v2xum: Call
) -> None:
    bad = swapping
    with faulty() as other:
        urls = ", ".join(f"{server.url}/v1" for server in (sound, bad, other))
        model = f"{{engine: openai, model: tiny, base_urls: [{urls}], backoff: 0.05, patience: 120}}"
        sets = ["--set", f"models.captioner={model}", "--set", f"models.summarizer={model}"]
        often = ["--set", "binding.canary_every=4", "--set", "binding.canaries=9"]
        done = v2xum("curate", LOCAL, "--source", films, "--workspace", tmp_path, *sets, *often, *ALONE["canaries"])
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"known content that {bad.url}/v1 captioned were recognized" in done.stderr
    evidence = json.loads((tmp_path / "report" / "binding.json").read_text())
    assert {canary["server"] for canary in evidence["canaries"]} == {f"{bad.url}/v1"}


def test_a_server_killed_in_mid_run_is_waited_for(films: Path, undisturbed: Path, tmp_path: Path, server: str) -> None:
    with faulty(latency=0.3, capacity=2) as models:
        words = ["curate", LOCAL, "--source", films, *models.sets(), "--workspace", tmp_path / "workspace"]
        run = Forked("flows.cli.__main__", words, err=tmp_path / "said")
        try:
            deadline = time.monotonic() + 200
            while int(str(models.stats()["answered"])) < 20:
                assert time.monotonic() < deadline and run.poll() is None
                time.sleep(0.05)
            models.kill()
            time.sleep(4)
            models.start()
            run.wait(timeout=400)
        finally:
            run.kill()
    assert run.returncode == 0, (tmp_path / "said").read_text()
    assert "no model server since" in (tmp_path / "said").read_text()
    assert texts(tmp_path / "workspace") == texts(undisturbed)
