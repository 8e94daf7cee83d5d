"""Every command writes any title, caption and path, also where the terminal knows only ASCII."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from curation.pipeline.services import Services
from curation.workspace import Workspace
from schemas.configuration.loading import load_config
from schemas.errors import PermanentError
from schemas.records import Origin, Source
from schemas.repository import ROOT
from tests.curation.scripted_stages import Works, run_all, sources
from tests.runs import CONFIG, in_process

pytestmark = pytest.mark.slow

# An encoding that refuses what it does not know, and a system without any locale.
TERMINALS = {
    "ascii": {"PYTHONIOENCODING": "ascii"},
    "latin": {"PYTHONIOENCODING": "latin-1:strict"},
    "c": {"LC_ALL": "C", "LANG": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
}
TITLE = "Größe 日本 \U0001f600 \u202e <b>"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Finished and rejected videos whose titles, captions and reasons are not ASCII, in a folder that is not either."""
    place = Workspace(tmp_path_factory.mktemp("dépôt") / "Ordner äöü")
    ledger = place.ledger()
    config = load_config(CONFIG)
    place.save_config(config)
    with Services(config, ledger, place.store()) as services:
        named = [
            Source(
                id=f"n{i}", kind="url", uri=f"https://h.example/é{i}", title=TITLE, origin=Origin(list_name="ä", row=i)
            )
            for i in range(3)
        ]
        trouble = {("frames", "n1"): [PermanentError("no_video_stream", "naïve \ud800 → ✗")]}
        run_all(ledger, ledger.register([*sources(2), *named]), Works(trouble=trouble), services.hashes)
    ledger.close()
    return place.root


def call(terminal: str, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    environment = {**os.environ, **TERMINALS[terminal], "PYTHONPATH": str(ROOT)}
    for name in ("LC_CTYPE", "PYTHONUTF8", "PYTHONIOENCODING"):
        if name not in TERMINALS[terminal]:
            environment.pop(name, None)
    command = [sys.executable, "-m", "flows.cli", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=300, check=False)
    assert b"Traceback" not in done.stderr + done.stdout, done.stderr.decode(errors="replace")[-3000:]
    return done


READING = [
    ("status", "WORKSPACE"),
    ("explain", "WORKSPACE", "n0"),
    ("explain", "WORKSPACE", "n1"),
    ("report", "WORKSPACE"),
]


def placed(words: tuple[str, ...], workspace: Path) -> list[object]:
    return [workspace if word == "WORKSPACE" else word for word in words]


@pytest.mark.parametrize("terminal", TERMINALS)
@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_commands_that_read_a_workspace(workspace: Path, terminal: str, words: tuple[str, ...]) -> None:
    done = call(terminal, *placed(words, workspace))
    assert done.returncode == 0, done.stderr
    if terminal == "ascii":
        done.stdout.decode("ascii")
    if words == ("explain", "WORKSPACE", "n0"):
        assert (b"Gr\\xf6\\xdfe" if terminal != "latin" else "Größe".encode("latin-1")) in done.stdout


@pytest.mark.parametrize("terminal", TERMINALS)
@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_json_stays_json(workspace: Path, terminal: str, words: tuple[str, ...]) -> None:
    done = call(terminal, *placed(words, workspace), "--json")
    document: dict[str, Any] = json.loads(done.stdout.decode("ascii"))
    if words[0] != "report":
        assert document == json.loads(in_process(*placed(words, workspace), "--json").stdout)
    if words[0] == "explain":
        assert document["source"]["title"] == TITLE


@pytest.mark.parametrize("terminal", TERMINALS)
def test_errors_and_help(workspace: Path, terminal: str) -> None:
    done = call(terminal, "explain", workspace, "größe")
    assert done.returncode == 2 and b"v2xum:" in done.stderr
    done = call(terminal, "status", workspace / "日本")
    assert done.returncode == 2 and b"v2xum:" in done.stderr
    done = call(terminal, "curate", workspace / "größe.yaml")
    assert done.returncode == 2 and b"v2xum:" in done.stderr
    for command in ([], ["curate"], ["review"]):
        done = call(terminal, *command, "--help")
        assert done.returncode == 0, done.stderr


def test_a_source_whose_bytes_are_no_text_is_a_usage_error(tmp_path: Path) -> None:
    done = call(
        "ascii", "curate", CONFIG, "--workspace", tmp_path / "w", "--source", os.fsdecode(b"/films/caf\xe9.mp4")
    )
    assert done.returncode == 2
    assert b"its bytes are not UTF-8; rename the file" in done.stderr
