"""Runs with the ledger on a real PostgreSQL: they export what SQLite gives, whatever happens to the database."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from benchmarks.nodes.postgres import programs
from curation.ledger.databases import LEDGER
from curation.ledger.mark import read_mark
from curation.ledger.schema import GENERATION
from tests.forks import Forked
from tests.postgres import PASSWORD, SECRET, new_database, rows, text_of
from tests.runs import CONFIG, VIDEOS, shards, status

pytestmark = [pytest.mark.prefect, pytest.mark.postgresql, pytest.mark.slow]
Cli = Callable[..., subprocess.CompletedProcess[str]]
COUNTED = ("videos", "samples", "rejected", "retryable", "pending", "reasons")


def arguments(films: Path, workspace: Path) -> list[str]:
    small = ("--set", "models.captioner.batch=2")
    return ["curate", str(CONFIG), "--source", str(films), "--workspace", str(workspace), *small]


def begin(films: Path, workspace: Path, said: Path) -> Forked:
    """A run in a process group of its own; what it says is added to the file `said`."""
    return Forked("flows.cli.__main__", arguments(films, workspace), out=said, err=said, group=True)


def written(database: sa.URL, workspace: Path) -> int:
    """Rows that the workspace's ledger holds: results and replies; 0 before there is one."""
    note = workspace / "ledger.postgresql"
    if not note.exists():
        return 0
    schema = note.read_text().strip()
    there = rows(database, f"SELECT count(*) FROM pg_tables WHERE schemaname = '{schema}' AND tablename = 'replies'")
    if there == [(0,)]:
        return 0
    query = f"SELECT (SELECT count(*) FROM {schema}.results) + (SELECT count(*) FROM {schema}.replies)"
    return int(rows(database, query)[0][0])


def await_rows(process: Forked, database: sa.URL, workspace: Path, goal: int) -> None:
    until = time.monotonic() + 120
    while process.poll() is None and written(database, workspace) < goal:
        assert time.monotonic() < until, f"the ledger has {written(database, workspace)} rows, and not {goal}"
        time.sleep(0.01)


def await_lost(process: Forked, database: sa.URL, workspace: Path) -> None:
    """Wait until a dump that was just made lacks rows, and the workspace's mark, written once a second, knows it."""
    schema = (workspace / "ledger.postgresql").read_text().strip()
    ((counted,),) = rows(database, f"SELECT value FROM {schema}.properties WHERE name = '{GENERATION}'")
    await_rows(process, database, workspace, written(database, workspace) + 1)
    until = time.monotonic() + 120
    while process.poll() is None and ((mark := read_mark(workspace)) is None or mark.generation <= int(counted)):
        assert time.monotonic() < until, f"the mark is {mark}, and not beyond {counted}"
        time.sleep(0.01)


def dumped(database: sa.URL, workspace: Path, folder: Path) -> Path:
    """A dump of the workspace's ledger, as docs/guides/operators.md makes it."""
    schema = (workspace / "ledger.postgresql").read_text().strip()
    file = folder / "ledger.dump"
    _postgresql("pg_dump", database, "--format=custom", f"--schema={schema}", f"--file={file}")
    return file


def restore(dump: Path, database: sa.URL) -> None:
    _postgresql("pg_restore", database, "--no-owner", "--exit-on-error", f"--dbname={database.database}", dump)


def _postgresql(program: str, database: sa.URL, *words: str | Path) -> None:
    folder = programs()
    assert folder is not None
    told = {
        "PGHOST": str(database.host), "PGPORT": str(database.port), "PGUSER": str(database.username),
        "PGPASSWORD": PASSWORD, "PGDATABASE": str(database.database),
    }  # fmt: skip
    done = subprocess.run(
        [folder / program, *words], env={**os.environ, **told}, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_killed_runs_end_with_the_bytes_of_sqlite_and_tell_nobody_the_password(
    films: Path, undisturbed: Path, tmp_path: Path, v2xum: Cli, postgresql: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = status(v2xum, undisturbed)
    workspace, rng, said = tmp_path / "shared", random.Random(5), tmp_path / "said"
    told: list[str] = []
    monkeypatch.setenv(LEDGER, text_of(postgresql))
    database = postgresql
    for goal in (1, 30, 90):
        process = begin(films, workspace, said)
        await_rows(process, database, workspace, goal)
        dump = dumped(database, workspace, tmp_path) if goal == 30 else None  # while the run goes on
        if dump is None:
            time.sleep(rng.random() * 0.2)
        else:
            await_lost(process, database, workspace)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        assert process.wait(60) == -signal.SIGKILL
        if dump is not None:
            before, database = written(database, workspace), new_database(postgresql, "restored")
            restore(dump, database)
            assert 30 <= written(database, workspace) < before
            monkeypatch.setenv(LEDGER, text_of(database))
            refused = v2xum(*arguments(films, workspace))
            assert refused.returncode == 1 and "is older than the one that this workspace had" in refused.stderr
            accepted = v2xum("repair", workspace, "--accept")
            assert accepted.returncode == 0, accepted.stderr
            told += [refused.stderr, accepted.stdout, accepted.stderr]
    done = v2xum(*arguments(films, workspace))
    assert done.returncode == 0, done.stderr
    assert shards(workspace) == shards(undisturbed)
    counts = status(v2xum, workspace)
    assert {name: counts[name] for name in COUNTED} == {name: expected[name] for name in COUNTED}
    assert "1 rejection forgotten" in v2xum("retry", workspace, "--reason", "too_short").stdout
    assert v2xum(*arguments(films, workspace)).returncode == 0
    exported = v2xum("export", workspace)
    assert exported.returncode == 0 and f"{VIDEOS} samples" in exported.stdout
    assert shards(workspace) == shards(undisturbed)
    explained = v2xum("explain", workspace, "film 0.mp4")
    assert explained.returncode == 0 and "keyframes" in explained.stdout
    assert not list(workspace.glob("ledger.sqlite*"))
    monkeypatch.setenv(LEDGER, text_of(database.set(password=PASSWORD + "x")))
    refused = v2xum("status", workspace)
    assert refused.returncode == 2 and "password authentication failed" in refused.stderr
    monkeypatch.delenv(LEDGER)
    without = v2xum("status", workspace)
    assert without.returncode == 2 and f"set {LEDGER}" in without.stderr
    told += [part for one in (done, exported, explained, refused, without) for part in (one.stdout, one.stderr)]
    told.append(said.read_text())
    assert not [text for text in told if SECRET in text]
    assert not [path for path in workspace.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


def test_a_database_that_ends_all_sessions_costs_no_video(
    films: Path, undisturbed: Path, tmp_path: Path, v2xum: Cli, postgresql: sa.URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = tmp_path / "shared"
    monkeypatch.setenv(LEDGER, text_of(postgresql))
    process = begin(films, workspace, tmp_path / "said")
    for goal in (20, 40, 60):
        await_rows(process, postgresql, workspace, goal)
        rows(postgresql, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    process.wait(300)
    assert SECRET not in (tmp_path / "said").read_text()
    counts = status(v2xum, workspace)
    assert counts["reasons"] == {"download: not_a_video": 1, "filter: too_short": 1}
    done = v2xum(*arguments(films, workspace))
    assert done.returncode == 0, done.stderr
    assert shards(workspace) == shards(undisturbed)
