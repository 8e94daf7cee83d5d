"""The commands that begin: init, schema, open, and the completion of their names."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from curation.workspace import Workspace
from flows.cli.main import application
from flows.local import first_configuration
from flows.local.first_configuration import Machine
from schemas.configuration.loading import load_config
from schemas.repository import ROOT
from tests.runs import in_process


def test_init_asks_nothing_without_a_terminal_and_prints_commands_that_load(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_configuration, "look", lambda: Machine((), ()))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "a.mp4").touch()
    done = in_process("init", "my films", "--source", "films", "--demo-models")
    assert done.returncode == 0, done.stderr
    assert "  v2xum curate 'my films/v2xum.yaml'   #" in done.stdout
    assert load_config(tmp_path / "my films" / "v2xum.yaml").name == "my-films"
    assert in_process("init", "my films").returncode == 2
    empty = in_process("init", "")
    assert empty.returncode == 2 and "name a folder" in empty.stderr


def test_the_schema_is_printed_or_written_over_nothing_else(tmp_path: Path) -> None:
    printed = in_process("schema", "--of", "train")
    assert json.loads(printed.stdout)["title"] == "TrainConfig"
    out = tmp_path / "s.json"
    for _ in range(2):
        assert in_process("schema", "--out", out).returncode == 0
    assert json.loads(out.read_text())["title"] == "CurateConfig"
    own = tmp_path / "own.yaml"
    own.write_text("name: a\n")
    assert in_process("schema", "--out", own).returncode == 2 and own.read_text() == "name: a\n"


@pytest.mark.parametrize(
    ("words", "place", "completed"),
    [("v2xum cu", 1, "curate"), ("v2xum list --so", 2, "--sort"), ("v2xum review pu", 2, "push")],
)
def test_a_shell_completes_commands_and_options(words: str, place: int, completed: str) -> None:
    environment = {"_V2XUM_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(place)}
    done = CliRunner().invoke(application(), [], prog_name="v2xum", env=environment)
    assert completed in done.stdout.split()


@pytest.mark.slow
def test_open_prints_its_address_and_ends_by_a_signal(tmp_path: Path) -> None:
    Workspace(tmp_path / "workspace").ledger().close()
    code = "from flows.cli.main import main\nmain()"
    for number in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen(
            [sys.executable, "-c", code, "open", str(tmp_path)],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as process:  # fmt: skip
            try:
                assert process.stdout is not None
                address = process.stdout.readline().split()[0]
                with urllib.request.urlopen(address, timeout=30) as answer:
                    assert b"There is no page yet" in answer.read()
                process.send_signal(number)
                _, said = process.communicate(timeout=60)
            finally:
                process.kill()
        assert process.returncode == 0 and said == "v2xum: stopped\n"
