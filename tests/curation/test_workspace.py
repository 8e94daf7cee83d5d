"""The lock of a workspace: held against other processes, even where its file is deleted during a run."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.store.files import folder_is_held
from curation.workspace import Workspace
from schemas.errors import WorkspaceBusy

HOLD = """
import sys
from pathlib import Path
from curation.workspace import Workspace
with Workspace(Path(sys.argv[1])).lock():
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def held(tmp_path: Path) -> Iterator[tuple[Workspace, subprocess.Popen[str]]]:
    """A workspace that another process holds."""
    place = Workspace(tmp_path / "w")
    command = [sys.executable, "-c", HOLD, str(place.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield place, process
        process.kill()


def refused(place: Workspace) -> None:
    with pytest.raises(WorkspaceBusy, match=rf"{place.root}: another run holds this workspace"), place.lock():
        pass


def test_two_processes_never_hold_one_workspace(held: tuple[Workspace, subprocess.Popen[str]]) -> None:
    place, process = held
    refused(place)
    process.kill()
    process.wait()
    with place.lock():
        refused(place)  # not even in one process
    with place.lock():
        pass


def test_who_only_asks_whether_a_folder_is_held_keeps_nobody_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Workspace(tmp_path)
    asking = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(asking, fcntl.LOCK_SH)
    assert not folder_is_held(tmp_path)  # another one asks
    refused(place)
    monkeypatch.setattr(time, "sleep", lambda _seconds: os.close(asking))  # it is done at the second try
    with place.lock():
        assert folder_is_held(tmp_path)
    assert not folder_is_held(tmp_path)


@pytest.mark.parametrize("name", ["lock", "."])
def test_a_lock_that_is_deleted_or_moved_during_a_run_still_holds(
    held: tuple[Workspace, subprocess.Popen[str]], name: str
) -> None:
    place, process = held
    if name == "lock":
        (place.root / "lock").unlink()
    else:
        (place.root / "lock").unlink()
        place = Workspace(place.root.rename(place.root.with_name("moved")))
    for _ in range(2):  # the refused one makes a file `lock` anew
        refused(place)
    process.kill()
    process.wait()
    with place.lock():
        pass


def test_an_error_inside_is_not_taken_for_a_lock_that_is_held(tmp_path: Path) -> None:
    with pytest.raises(BlockingIOError), Workspace(tmp_path / "w").lock():
        raise BlockingIOError("of the run")
