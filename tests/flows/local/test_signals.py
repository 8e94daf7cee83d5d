"""Ctrl-C and SIGTERM while a process works: a safe point, a sentence, an exit code for each signal, in bounded time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from flows.local.signals import stoppable
from schemas.errors import Interrupted, Terminated
from schemas.repository import ROOT

pytestmark = pytest.mark.slow
WORK = """
import os, signal, sys, threading, time
from pathlib import Path
from flows.cli.app import app, guarded
from flows.local.signals import stoppable
from schemas.errors import Interrupted

class Resignalled(threading.Event):
    def set(self):
        with self._cond:  # as Event.set does
            os.kill(os.getpid(), signal.SIGTERM)
            self._flag = True
            self._cond.notify_all()

here, kind, grace = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
stop = Resignalled() if kind == "twice" else threading.Event()

def work():
    from prefect_like import take_signals_over
    take_signals_over()
    (here / "working").touch()
    if kind == "deaf":
        time.sleep(60)
    stop.wait(60)
    if kind == "slow":
        time.sleep(3)
    if kind == "done":
        return "done"
    (here / "safe").touch()
    raise Interrupted("stopped at a safe point; the same command goes on from here")

@app.command()
@guarded
def run():
    print(stoppable(work, stop, grace))

app(args=[])
"""
# As Prefect does in the thread that runs a flow, if that is the main one.
TAKES_OVER = """
import signal
def take_signals_over():
    try:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    except ValueError:
        pass
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "prefect_like.py").write_text(TAKES_OVER)
    (tmp_path / "work.py").write_text(WORK)
    return tmp_path


def start(folder: Path, kind: str, grace: float = 30) -> subprocess.Popen[str]:
    command = [sys.executable, str(folder / "work.py"), str(folder), kind, str(grace)]
    process = subprocess.Popen(
        command, env={"PYTHONPATH": f"{ROOT}:{folder}"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not (folder / "working").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    return process


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_work_at_a_safe_point(folder: Path, number: signal.Signals, code: int) -> None:
    process = start(folder, "heeds")
    process.send_signal(number)
    _, said = process.communicate(timeout=20)
    assert process.returncode == code, said
    assert (folder / "safe").exists()
    assert said.count("\n") == 1 and "the same command goes on from here" in said
    assert ("SIGTERM" in said) == (number == signal.SIGTERM)


def test_two_signals_at_once_are_one_request(folder: Path) -> None:
    process = start(folder, "heeds")
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == 143 and (folder / "safe").exists()


def test_the_second_half_of_a_request_may_come_when_the_work_has_ended() -> None:
    stop, killed = threading.Event(), list[int]()
    again = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM))

    def work() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.wait(30)
        again.start()
        raise Interrupted("at a safe point")

    before = signal.signal(signal.SIGTERM, lambda number, _: killed.append(number))
    try:
        with pytest.raises(Terminated):
            stoppable(work, stop)
        again.join(30)
        time.sleep(0.05)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not killed


def test_a_signal_that_comes_while_the_first_is_handled_is_no_dead_end(folder: Path) -> None:
    process = start(folder, "twice")
    process.send_signal(signal.SIGTERM)
    try:
        process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 143 and (folder / "safe").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_second_signal_ends_at_once(folder: Path, number: signal.Signals, code: int) -> None:
    process = start(folder, "deaf")
    process.send_signal(number)
    time.sleep(1.5)
    began = time.monotonic()
    process.send_signal(number)
    _, said = process.communicate(timeout=20)
    assert (process.returncode, time.monotonic() - began < 10) == (code, True)
    assert "stopped at once (a second signal)" in said


def test_work_that_does_not_heed_is_ended_when_the_grace_is_over(folder: Path) -> None:
    process = start(folder, "deaf", grace=1)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 143 and "no safe point within 1 s" in said


def test_work_that_was_done_anyway_counts_as_done(folder: Path) -> None:
    process = start(folder, "done")
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=20)
    assert (process.returncode, said) == (0, "done\n")


def test_results_and_errors_come_through() -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert stoppable(lambda: threading.current_thread().name, threading.Event()) == "run"
    with pytest.raises(ZeroDivisionError):
        stoppable(lambda: 1 // 0, threading.Event())
    assert signal.getsignal(signal.SIGTERM) is before


def test_outside_the_main_thread_it_only_calls() -> None:
    found: list[str] = []
    thread = threading.Thread(
        target=lambda: found.append(stoppable(lambda: threading.current_thread().name, threading.Event())), name="own"
    )
    thread.start()
    thread.join(30)
    assert found == ["own"]
