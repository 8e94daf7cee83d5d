"""A run with a server of its own: the work begins before the server is up, and a signal leaves no server behind."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from benchmarks.instant import trivial_videos
from schemas.repository import ROOT

pytestmark = [pytest.mark.prefect, pytest.mark.slow]
VIDEOS = 4
# The command with models that answer at once.
SCRIPT = """
import sys
from pathlib import Path

from benchmarks.instant import Instant, config
from curation.pipeline.budget import Budget
from curation.pipeline.services import Services
from flows.cli.app import app, guarded
from flows.local.curate import curate_here
from schemas.errors import BudgetReached

Services.captioner = Services.summarizer = Instant()


class UsedUp(Budget):
    def check(self, reading):
        if (Path(sys.argv[2]) / "prefect" / "server.log").exists():
            raise BudgetReached("used up while the server starts")


@app.command()
@guarded
def run():
    settings = config(shard_size=2, download_workers=1, decode_workers=1)
    budget = UsedUp() if sys.argv[3:] else None
    print(curate_here(settings, Path(sys.argv[2]), [sys.argv[1]], None, budget).model_dump_json())


if __name__ == "__main__":
    app(args=[])
"""


@pytest.fixture
def films(tmp_path: Path) -> Path:
    return trivial_videos(tmp_path / "films", VIDEOS)


def start(folder: Path, films: Path, *more: str) -> subprocess.Popen[str]:
    (folder / "run.py").write_text(SCRIPT)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return subprocess.Popen(
        [sys.executable, str(folder / "run.py"), str(films), str(folder / "workspace"), *more],
        env=environment | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def servers(workspace: Path) -> list[int]:
    """The processes that live with this workspace's Prefect server settings."""
    mark = f"PREFECT_HOME={workspace / 'prefect'}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                alive = mark in (entry / "environ").read_bytes() and b") Z " not in (entry / "stat").read_bytes()
            except OSError:
                continue
            found += [int(entry.name)] if alive else []
    return found


def last_run(workspace: Path) -> tuple[str, dict[str, Any]]:
    """The outcome and the counts of the newest run in the ledger."""
    with closing(sqlite3.connect(workspace / "ledger.sqlite")) as connection:
        outcome, counts = connection.execute("SELECT outcome, counts FROM runs ORDER BY id DESC").fetchone()
    return outcome, json.loads(counts)


def test_work_begins_before_the_server_is_up_and_is_recorded(tmp_path: Path, films: Path) -> None:
    process = start(tmp_path, films)
    said, errors = process.communicate(timeout=280)
    assert process.returncode == 0, errors[-4000:]
    status = json.loads(said.splitlines()[-1])
    assert status["samples"] == VIDEOS
    assert {tuple(row["last_run"].values()) for row in status["stages"].values()} == {(VIDEOS, 0, 0)}
    workspace = tmp_path / "workspace"
    assert servers(workspace) == []
    with closing(sqlite3.connect(workspace / "prefect" / "prefect.db")) as connection:
        flows = connection.execute("SELECT state_type, start_time FROM flow_run ORDER BY start_time").fetchall()
        names = {name for (name,) in connection.execute("SELECT name FROM task_run")}
    assert {state for state, _ in flows} == {"COMPLETED"} and len(flows) == 2
    assert {"download-00000", "frames-00000"} <= names
    began = datetime.fromisoformat(flows[0][1]).replace(tzinfo=UTC).timestamp()
    with closing(sqlite3.connect(workspace / "ledger.sqlite")) as connection:
        first = connection.execute("SELECT min(made_at) FROM results WHERE stage = 'download'").fetchone()[0]
    assert first < began


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_the_server_starts_leaves_none_behind(
    tmp_path: Path, films: Path, number: signal.Signals, code: int
) -> None:
    process = start(tmp_path, films)
    workspace = tmp_path / "workspace"
    deadline = time.monotonic() + 120
    while not (workspace / "prefect" / "server.log").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.5)
    assert len(servers(workspace)) >= 1
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert "the same command goes on from here" in said
    deadline = time.monotonic() + 20  # a server whose run ended at once is ended by the kernel
    while servers(workspace) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert servers(workspace) == []
    outcome, counts = last_run(workspace)
    assert outcome == "stopped" and set(counts) >= {"download", "frames"}


def test_a_budget_that_is_used_up_while_the_server_starts_is_recorded(tmp_path: Path, films: Path) -> None:
    process = start(tmp_path, films, "budget")
    _, said = process.communicate(timeout=280)
    assert process.returncode == 4 and "used up while the server starts" in said, said[-4000:]
    workspace = tmp_path / "workspace"
    assert last_run(workspace)[0] == "budget"
    assert "used up while the server starts" in (workspace / "report" / "report.html").read_text()
    assert servers(workspace) == []
