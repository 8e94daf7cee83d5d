"""The lock of a workspace whose ledger is shared: two machines are two folders with the same note."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from curation.ledger.claims import RUN, described, is_gone, new_owner
from curation.ledger.databases import LEDGER, open_claims, open_shared
from curation.workspace import Workspace
from schemas.errors import ClaimLost, ConfigError, WorkspaceBusy
from tests.postgres import text_of

pytestmark = [pytest.mark.postgresql, pytest.mark.slow]

HOLD = """
import sys
from contextlib import closing
from pathlib import Path
from curation.workspace import Workspace
from schemas.errors import ClaimLost
place = Workspace(Path(sys.argv[1]))
try:
    with place.lock(float(sys.argv[2])), closing(place.ledger()) as ledger:
        print("held", flush=True)
        for number in range(100_000):
            ledger.replace_property("number", str(number))
except ClaimLost as error:
    print(error, flush=True)
"""


@pytest.fixture
def machines(postgresql: sa.URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Workspace, Workspace]:
    """Two folders, as on two machines, with one ledger in PostgreSQL."""
    monkeypatch.setenv(LEDGER, text_of(postgresql))
    first, second = Workspace(tmp_path / "first"), Workspace(tmp_path / "second")
    with first.lock():
        pass
    second.root.mkdir()
    (second.root / "ledger.postgresql").write_text((first.root / "ledger.postgresql").read_text())
    return first, second


@contextmanager
def holding(place: Workspace, seconds: float) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock and writes all the time."""
    command = [sys.executable, "-c", HOLD, str(place.root), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None and process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def number(place: Workspace) -> str | None:
    with closing(place.ledger()) as ledger:
        return ledger.property("number")


def test_two_machines_exclude_each_other(machines: tuple[Workspace, Workspace]) -> None:
    first, second = machines
    with first.lock():
        assert first.claim is not None and first.claim.key == RUN
        with pytest.raises(WorkspaceBusy, match=r"second: process \d+ on .* holds the ledger.*ends in \d+ s.*v2xum st"):
            second.lock().__enter__()
        with closing(first.ledger()) as ledger:
            ledger.replace_property("number", "1")
            assert ledger.fence == first.claim
    assert first.claim is None
    with second.lock(), closing(second.ledger()) as ledger:
        assert ledger.property("number") == "1"
        second.require_claim()


def test_a_process_that_was_killed_holds_nothing(machines: tuple[Workspace, Workspace]) -> None:
    first, second = machines
    with holding(first, 600.0) as process:
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # ended, and still a zombie
        with second.lock():
            reached = number(second)
    assert number(second) == reached


def test_a_process_that_wakes_after_its_claim_has_ended_commits_nothing(
    machines: tuple[Workspace, Workspace],
) -> None:
    first, second = machines
    with holding(first, 1.0) as process:
        process.send_signal(signal.SIGSTOP)
        for _ in range(600):
            try:
                with second.lock(60.0), closing(second.ledger()) as ledger:
                    ledger.replace_property("number", "of the second")
                    before = state(second)
                    process.send_signal(signal.SIGCONT)
                    assert process.stdout is not None
                    assert "claim `run` ended" in process.stdout.read()
                    assert process.wait(60) == 0
                    assert state(second) == before
                break
            except WorkspaceBusy:
                time.sleep(0.1)
        else:
            pytest.fail("the claim of a stopped process did not end")
    assert number(second) == "of the second"


def state(place: Workspace) -> list[object]:
    """All facts about the ledger, the count of its changes among them."""
    ledger = open_claims(place.root)
    assert ledger is not None
    with closing(ledger), ledger.engine.connect() as connection:
        schema = ledger.engine.get_execution_options()["schema_translate_map"][None]
        return [tuple(row) for row in connection.execute(sa.text(f"SELECT * FROM {schema}.properties ORDER BY name"))]


def test_a_worker_without_the_folder_works_under_the_run(machines: tuple[Workspace, Workspace]) -> None:
    first, _ = machines
    schema = (first.root / "ledger.postgresql").read_text().strip()
    with first.lock():
        run = first.claim
        assert run is not None
        with closing(open_shared(schema)) as plain:
            shard = plain.claim("shard", new_owner(), 60.0, run)
        assert shard is not None
        worker = open_shared(schema, shard)
        worker.replace_property("by", "the worker")
    with closing(worker), pytest.raises(ClaimLost):
        worker.replace_property("by", "late")


def test_a_shared_ledger_that_is_not_there_is_said(
    machines: tuple[Workspace, Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="has no v2xum_0123456789abcdef"):
        open_shared("v2xum_0123456789abcdef")
    with pytest.raises(ConfigError, match="not the name of a ledger"):
        open_shared('public"; drop')
    monkeypatch.delenv(LEDGER)
    with pytest.raises(ConfigError, match=f"{LEDGER} is not set"):
        open_shared("v2xum_0123456789abcdef")
    with pytest.raises(ConfigError, match=f"set {LEDGER}"):
        machines[0].lock().__enter__()


def test_an_owner_says_where_it_runs() -> None:
    owner = new_owner()
    assert described(owner).startswith("process ") and not is_gone(owner) and owner != new_owner()
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    host, _, numbering, _ = owner.split("/")
    assert is_gone(f"{host}/{process.pid}/{numbering}/x")
    # The same host name and number in another container, or where nobody can tell, says nothing.
    assert not any(is_gone(odd) for odd in (f"{host}/{process.pid}/other/x", f"{host}/{process.pid}//x", "odd"))
    assert described("odd") == "odd"


def test_a_workspace_with_a_file_takes_no_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LEDGER, raising=False)
    place = Workspace(tmp_path / "w")
    with place.lock():
        assert place.claim is None and open_claims(place.root) is None
        place.require_claim()
        with closing(place.ledger()) as ledger:
            assert ledger.fence is None and ledger.claims() == []
