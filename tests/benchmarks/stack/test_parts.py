"""Parts of a stack are real processes here: all are ended, whatever happened, and nothing of a secret is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.stack.parts import Parts
from benchmarks.stack.run import prepared
from benchmarks.stack.secrets_file import Secrets, write_environment
from schemas.errors import ConfigError, RunStopped

# It writes its id and that of a child, and notes in one file for all when it is asked to end.
PART = """
import os, signal, subprocess, sys, time
name, folder = sys.argv[1:3]
child = subprocess.Popen(["sleep", "600"])
def end(number, frame):
    with open(f"{folder}/ended", "a") as file:
        file.write(name)
    sys.exit(0)
signal.signal(signal.SIG{signal}, end)
open(f"{folder}/{name}.part", "w").write(f"{os.getpid()} {child.pid}")
os.rename(f"{folder}/{name}.part", f"{folder}/{name}")
time.sleep(600)
"""
LIFE = dict(os.environ)


def begin(parts: Parts, folder: Path, name: str, number: str = "TERM") -> None:
    code = PART.replace("SIG{signal}", f"SIG{number}")
    parts.begin(name, [sys.executable, "-c", code, name, folder], LIFE, (folder / name).exists)


def alive(folder: Path, *names: str) -> list[int]:
    """Those processes of the parts, and of their children, that have not ended."""
    found = []
    for process in (int(word) for name in names for word in (folder / name).read_text().split()):
        state = Path(f"/proc/{process}/stat")
        if state.exists() and state.read_text().rpartition(")")[2].split()[0] not in "ZX":
            found.append(process)
    return found


def test_the_last_part_is_ended_first_with_what_it_started(tmp_path: Path) -> None:
    with Parts(tmp_path / "logs") as parts:
        for name in "abc":
            begin(parts, tmp_path, name)
        parts.wait()
        assert len(alive(tmp_path, *"abc")) == 6
    assert (tmp_path / "ended").read_text() == "cba" and alive(tmp_path, *"abc") == []


def test_a_part_that_fails_ends_the_start_and_its_log_is_told_without_secrets(tmp_path: Path) -> None:
    secret = Secrets.new().model
    with pytest.raises(RunStopped) as told, Parts(tmp_path / "logs", [secret]) as parts:
        begin(parts, tmp_path, "a")
        parts.wait()
        code = f"print('no database; the key is {secret}'); raise SystemExit(3)"
        parts.begin("b", [sys.executable, "-c", code], LIFE, lambda: False)
        parts.wait()
    assert "b ended with status 3" in str(told.value) and "no database; the key is ***" in str(told.value)
    assert alive(tmp_path, "a") == [] and (tmp_path / "logs" / "b.log").stat().st_mode & 0o077 == 0


def test_a_part_that_is_never_healthy_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunStopped, match=r"slow was not healthy within 0 s"), Parts(tmp_path / "logs") as parts:
        parts.begin("slow", ["sleep", "600"], LIFE, lambda: False, 0.3)
        parts.wait()


def test_a_part_that_ends_later_is_noticed(tmp_path: Path) -> None:
    with Parts(tmp_path / "logs") as parts:
        begin(parts, tmp_path, "a")
        parts.wait()
        parts.check()
        os.kill(alive(tmp_path, "a")[0], signal.SIGKILL)
        with pytest.raises(RunStopped, match=r"a ended with status -9"):
            for _ in range(200):
                parts.check()
                time.sleep(0.02)
    assert alive(tmp_path, "a") == []  # its child too


def test_secrets_are_random_and_a_shell_reads_them_from_a_file_of_their_owner(tmp_path: Path) -> None:
    assert not set(Secrets.new()) & set(Secrets.new())
    file = write_environment(tmp_path, {"ONE": "p@s/'\"$(id) x"})
    assert file.stat().st_mode & 0o777 == 0o600
    shell = ["sh", "-c", f'. {file}; printf %s "$ONE"']
    assert subprocess.run(shell, capture_output=True, text=True, check=True).stdout == "p@s/'\"$(id) x"


def test_only_a_folder_of_a_stack_is_emptied(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("precious")
    with pytest.raises(ConfigError, match="no earlier stack made it"):
        prepared(tmp_path)
    made = prepared(tmp_path / "new")
    (made / "old").write_text("x")
    assert sorted(path.name for path in prepared(made).iterdir()) == [".v2xum-stack"]
