"""Requests to stop reach the run that they are for, and no other one."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from curation.ledger.databases import LEDGER
from curation.ledger.holding.stop_requests import ask, listening, running_of
from curation.workspace import Workspace
from flows.local.stop_run import stop_run
from schemas.errors import RunStopped
from tests.postgres import text_of

LISTEN = """
import sys, threading, time
from contextlib import closing
from pathlib import Path
from curation.ledger.holding.stop_requests import listening
from curation.workspace import Workspace
place, stop = Workspace(Path(sys.argv[1])), threading.Event()
with place.lock(), closing(place.ledger()) as ledger, listening(ledger, stop, lambda: None):
    number = ledger.begin_run() if sys.argv[2] != "early" else 0
    print("runs", flush=True)
    stop.wait(120)
    if sys.argv[2] not in ("early", "killed"):
        ledger.end_run(number, sys.argv[2], {})
    if sys.argv[2] == "killed":
        import os
        os._exit(1)
"""


def nothing() -> None:
    """Nobody is told."""


@pytest.fixture(params=["file", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace that was worked in, with each kind of ledger."""
    if request.param == "postgresql":
        address: sa.URL = request.getfixturevalue("postgresql")
        monkeypatch.setenv(LEDGER, text_of(address))
    workspace = Workspace(tmp_path / "w")
    with workspace.lock(), closing(workspace.ledger()) as ledger:
        ledger.end_run(ledger.begin_run(), "finished", {})
    return workspace


def run(place: Workspace, ending: str) -> subprocess.Popen[str]:
    """A process that holds the workspace and listens, and then ends so."""
    command = [sys.executable, "-c", LISTEN, str(place.root), ending]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "runs\n"
    return process


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ending", "words"),
    [
        ("stopped", "stopped at a safe point"),
        ("finished", "came to its end before"),
        ("early", "before its first video"),
        ("killed", "noted no outcome"),
    ],
)
def test_how_a_run_ended_is_said(place: Workspace, ending: str, words: str) -> None:
    told: list[str] = []
    with run(place, ending) as process:
        assert words in stop_run(place, 100, told.append)
        assert process.wait(60) == (1 if ending == "killed" else 0)
        assert told == [f"{told[0].split(' is asked')[0]} is asked to stop"] and f"process {process.pid} on" in told[0]
    assert stop_run(place, 100, told.append) == "nothing is running"


@pytest.mark.slow
def test_a_run_that_was_killed_is_not_running(place: Workspace) -> None:
    with run(place, "stopped") as process:
        process.kill()
        process.wait()
        assert stop_run(place, 100, pytest.fail) == "nothing is running"


def test_a_request_is_for_one_run_only(place: Workspace) -> None:
    first, second = threading.Event(), threading.Event()
    with place.lock(), closing(place.ledger()) as ledger:
        with listening(ledger, first, nothing) as earlier:
            assert running_of(ledger) == earlier
        assert running_of(ledger) is None
        ask(ledger, earlier)
        with listening(ledger, second, nothing) as later:
            assert not second.wait(2.5)  # it has looked twice
            ask(ledger, later)
            assert second.wait(60)
    assert not first.is_set()


def test_a_command_that_cannot_be_asked_is_said_and_its_end_is_waited_for(place: Workspace) -> None:
    with place.lock(), pytest.raises(RunStopped, match="another command than `v2xum curate` holds"):
        stop_run(Workspace(place.root), 0, pytest.fail)
    lock = place.lock()
    lock.__enter__()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(stop_run, Workspace(place.root), 100, pytest.fail)
        assert not answer.done()
        lock.__exit__(None, None, None)
        assert answer.result(60) in ("the command that held the workspace has ended", "nothing is running")


def test_a_run_that_does_not_stop_in_time_is_said(place: Workspace) -> None:
    stop, told = threading.Event(), list[str]()
    with place.lock(), closing(place.ledger()) as ledger, listening(ledger, stop, nothing):
        assert "nobody waited" in stop_run(Workspace(place.root), 0, told.append)
        with pytest.raises(RunStopped, match=r"has not ended within 0\.5 s"):
            stop_run(Workspace(place.root), 0.5, told.append)
        assert stop.wait(60)
