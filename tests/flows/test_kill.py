"""kill -9 at six random moments: what is exported in the end is byte-identical to an undisturbed run.

Six real kills show that the process leaves whole files and a whole ledger. That any order of interruptions ends in the
same state is a property: tests/curation/pipeline/test_process.py draws it without processes.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runs import CONFIG, ROOT, VIDEOS, shards, status

pytestmark = [pytest.mark.prefect, pytest.mark.slow]
KILLS = 6


def written(workspace: Path) -> int:
    """Rows that the ledger holds: results and replies."""
    try:
        with sqlite3.connect(f"file:{workspace / 'ledger.sqlite'}?mode=ro", uri=True) as connection:
            return sum(
                connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("results", "replies")
            )
    except sqlite3.OperationalError:
        return 0


def test_kills_change_nothing(
    films: Path, undisturbed: Path, tmp_path: Path, v2xum: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    rng = random.Random(20)
    arguments = ["curate", str(CONFIG), "--source", str(films), "--set", "models.captioner.batch=2"]
    disturbed = tmp_path / "disturbed"
    step = max(1, written(undisturbed) // KILLS)
    kills = finished = 0
    while kills < KILLS:
        command = [sys.executable, "-m", "flows.cli", *arguments, "--workspace", str(disturbed)]
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        # Moments that matter are those in which work is under way: wait for some rows, then for a random blink.
        goal = written(disturbed) + rng.randint(0, step)
        deadline = time.monotonic() + 120
        while process.poll() is None and written(disturbed) < goal and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(rng.random() * (3.0 if kills % 3 == 2 else 0.1))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            kills += 1
            process.wait(timeout=30)
        else:  # it got to its end before the kill: what it made must be right, and the next one starts anew
            assert process.returncode == 0
            assert shards(disturbed) == shards(undisturbed)
            shutil.rmtree(disturbed)
            finished += 1
            assert finished <= KILLS, "kills never hit a running process"
    done = v2xum(*arguments, "--workspace", disturbed)
    assert done.returncode == 0, done.stderr
    counts = status(v2xum, disturbed)
    assert (counts["samples"], counts["pending"], counts["retryable"]) == (VIDEOS, 0, 0)
    assert shards(disturbed) == shards(undisturbed)
