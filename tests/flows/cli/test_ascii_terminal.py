"""Every command writes any title, caption and path, also where the terminal knows only ASCII."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
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


# Each command in a process of its own, which shares with the others what is imported for all. Words come as arguments,
# since their encoding is a part of what is tested; NEXT ends a command.
CALLS = """
import os, sys
from curation.pipeline import open
from flows.cli.commands import load_command
from flows.cli.main import main
for name in ("status", "explain", "report", "curate"):
    load_command(name)
folder, *words = sys.argv[1:]
number = 0
while words:
    end = words.index("NEXT")
    child = os.fork()
    if child == 0:
        for target, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(f"{folder}/{number}.{name}", os.O_WRONLY | os.O_CREAT), target)
        sys.argv = ["v2xum", *words[:end]]
        main()
        sys.exit(0)
    with os.fdopen(os.open(f"{folder}/{number}.code", os.O_WRONLY | os.O_CREAT), "w") as code:
        code.write(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))
    del words[: end + 1]
    number += 1
"""
Answers = dict[tuple[str, ...], subprocess.CompletedProcess[bytes]]


def call(terminal: str, folder: Path, *commands: Sequence[object]) -> Answers:
    """The command line's answer to each command in a terminal; `folder` is an empty one."""
    environment = {**os.environ, **TERMINALS[terminal], "PYTHONPATH": str(ROOT)}
    for name in ("LC_CTYPE", "PYTHONUTF8", "PYTHONIOENCODING"):
        if name not in TERMINALS[terminal]:
            environment.pop(name, None)
    words = [[str(word) for word in command] for command in commands]
    given = [part for one in words for part in (*one, "NEXT")]
    done = subprocess.run(
        [sys.executable, "-c", CALLS, folder, *given], cwd=ROOT, env=environment, capture_output=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    answers: Answers = {}
    for number, one in enumerate(words):
        code, out, err = ((folder / f"{number}.{name}").read_bytes() for name in ("code", "out", "err"))
        assert b"Traceback" not in err + out, err.decode(errors="replace")[-3000:]
        answers[tuple(one)] = subprocess.CompletedProcess(one, int(code), out, err)
    return answers


HELPED: tuple[tuple[str, ...], ...] = ((), ("curate",), ("review",))
READING = [
    ("status", "WORKSPACE"),
    ("explain", "WORKSPACE", "n0"),
    ("explain", "WORKSPACE", "n1"),
    ("report", "WORKSPACE"),
]


def placed(words: tuple[str, ...], workspace: Path) -> tuple[str, ...]:
    return tuple(str(workspace) if word == "WORKSPACE" else word for word in words)


def wrong(workspace: Path) -> list[tuple[str, ...]]:
    """Commands that cannot be obeyed."""
    return [
        ("explain", str(workspace), "größe"),
        ("status", str(workspace / "日本")),
        ("curate", str(workspace / "größe.yaml")),
    ]


@pytest.fixture(scope="module", params=TERMINALS)
def terminal(request: pytest.FixtureRequest) -> str:
    """The name of a terminal."""
    return str(request.param)


@pytest.fixture(scope="module")
def said(workspace: Path, terminal: str, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    """What the commands of these tests say in a terminal."""
    reading = [placed(words, workspace) for words in READING]
    helps = [(*command, "--help") for command in HELPED]
    documents = [(*words, "--json") for words in reading]
    return call(terminal, tmp_path_factory.mktemp(terminal), *reading, *documents, *wrong(workspace), *helps)


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_commands_that_read_a_workspace(workspace: Path, terminal: str, said: Answers, words: tuple[str, ...]) -> None:
    done = said[placed(words, workspace)]
    assert done.returncode == 0, done.stderr
    if terminal == "ascii":
        done.stdout.decode("ascii")
    if words == ("explain", "WORKSPACE", "n0"):
        assert (b"Gr\\xf6\\xdfe" if terminal != "latin" else "Größe".encode("latin-1")) in done.stdout


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_json_stays_json(workspace: Path, said: Answers, words: tuple[str, ...]) -> None:
    done = said[(*placed(words, workspace), "--json")]
    document: dict[str, Any] = json.loads(done.stdout.decode("ascii"))
    if words[0] != "report":
        assert document == json.loads(in_process(*placed(words, workspace), "--json").stdout)
    if words[0] == "explain":
        assert document["source"]["title"] == TITLE


def test_errors_and_help(workspace: Path, said: Answers) -> None:
    for wrong in (
        ("explain", workspace, "größe"),
        ("status", workspace / "日本"),
        ("curate", workspace / "größe.yaml"),
    ):
        done = said[tuple(map(str, wrong))]
        assert done.returncode == 2 and b"v2xum:" in done.stderr
    for command in HELPED:
        done = said[(*command, "--help")]
        assert done.returncode == 0 and done.stdout, done.stderr


def test_a_source_whose_bytes_are_no_text_is_a_usage_error(tmp_path: Path) -> None:
    source = os.fsdecode(b"/films/caf\xe9.mp4")
    (tmp_path / "said").mkdir()
    (done,) = call(
        "ascii", tmp_path / "said", ("curate", CONFIG, "--workspace", tmp_path / "w", "--source", source)
    ).values()
    assert done.returncode == 2
    assert b"its bytes are not UTF-8; rename the file" in done.stderr
