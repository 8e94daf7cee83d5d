"""Every snippet of README and guides is understood, and all that need neither a server nor a GPU are run."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
import yaml
from typer.core import TyperGroup

from flows.cli.commands import load_command
from schemas.configuration.loading import load_config
from schemas.configuration.train_config import TrainConfig
from schemas.repository import ROOT
from tests.docs.snippets import PAGES, Snippet, calls, snippets
from tests.runs import in_process

ALL = [snippet for page in PAGES for snippet in snippets(page)]
NOT_RUN = {"text", "mermaid", "nginx", "csv"}
# These commands need a model server, Label Studio, a network or another process, or make and compare releases of one
# workspace in an order of their own, or train for minutes; their own tests run them.
ONLY_PARSED = (
    *("curate", "doctor", "plan", "bench", "review serve", "review push", "review pull", "review listen"),
    *("release", "diff", "browse", "media", "publish", "reconstruct", "refresh", "deploy"),
    *("train", "summarize", "open"),
)
pytestmark = [pytest.mark.prefect, pytest.mark.slow]


def of_language(language: str) -> list[Any]:
    return [pytest.param(snippet, id=str(snippet)) for snippet in ALL if snippet.language == language]


def _stem(page: Path) -> str:
    return page.stem


def rows(workspace: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pyarrow.parquet.read_table(workspace / "export" / "data").to_pylist()
    return found


@pytest.fixture(scope="module")
def checkout(undisturbed: Path, films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a reader's commands find what they name: configurations, videos, finished workspaces."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "activate").touch()
    (folder / "elsewhere").mkdir()
    (folder / "configs").symlink_to(ROOT / "configs")
    (folder / "videos").symlink_to(films)
    for name in ("mine", "demo/workspace"):
        shutil.copytree(undisturbed, folder / "data" / "runs" / name)
    lines = [json.dumps({"id": row["id"], "text": row["summary"]["v2vt_slots"]}) for row in rows(undisturbed)]
    for name in ("predictions", "other", "a", "b"):
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    for version in ("0.1.0", "0.2.0"):
        done = _run_command(["release", str(folder / "data" / "runs" / "mine"), version], folder)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def replaced(checkout: Path) -> dict[str, str]:
    """What stands here for words that a reader replaces, and for what this machine may not have."""
    return {
        "WORKSPACE": "data/runs/mine",
        "CONFIG": "configs/instruct_v2xum.yaml",
        "ID": rows(checkout / "data" / "runs" / "mine")[0]["id"],
        "test": "train",  # the few films of the tests are all in one split
        "openai/clip-vit-large-patch14": str(ROOT / "data" / "demo" / "clip"),
        "/elsewhere/mine.sqlite": "elsewhere/mine.sqlite",
    }


def test_a_language_is_named_and_known() -> None:
    strange = [f"{each}: {each.language!r}" for each in ALL if each.language not in {"sh", "python", "yaml", *NOT_RUN}]
    assert strange == []


@pytest.mark.parametrize("snippet", of_language("yaml"))
def test_yaml_is_a_part_of_a_configuration(snippet: Snippet, tmp_path: Path) -> None:
    if yaml.safe_load(snippet.text).keys() <= TrainConfig.model_fields.keys():
        whole = {"name": "a", "summarizer": {"kind": "vtsum"}}
        TrainConfig.model_validate(_merged(whole, yaml.safe_load(snippet.text)))
        return
    whole = yaml.safe_load((ROOT / "configs" / "instruct_v2xum.yaml").read_text())
    part = yaml.safe_dump(yaml.safe_load(snippet.text)).replace("/data/videos", str(tmp_path))  # sources must exist
    part = part.replace("/opt/v2xum/lib/python3.11/site-packages", str(ROOT))  # where the image has our files
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(_merged(whole, yaml.safe_load(part))))
    load_config(tmp_path / "config.yaml")


def _merged(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        return {**one, **{key: _merged(one.get(key), value) for key, value in other.items()}}
    return other


@pytest.mark.parametrize(
    "page", [each for each in PAGES if any(s.language == "python" for s in snippets(each))], ids=_stem
)
def test_python_runs_on_an_export(
    page: Path, checkout: Path, films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All snippets of a page, one after the other, as a reader runs them."""
    monkeypatch.chdir(checkout)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    names: dict[str, Any] = {}
    for snippet in snippets(page):
        if snippet.language == "python":
            # The workspaces were made of the films where these lie: there `v2xum.curate` finds nothing to do.
            _run_lines(snippet.text.replace('"videos/"', repr(str(films))), names)


def test_the_card_of_an_export_has_python_that_runs_on_it(checkout: Path, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(checkout)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    shown = [each for each in snippets(checkout / "data/runs/mine/export/README.md") if each.language == "python"]
    assert shown
    for snippet in shown:
        _run_lines(snippet.text.replace("path/or/name", "data/runs/mine/export"))


def _run_lines(code: str, names: dict[str, Any] | None = None) -> None:
    """Run the code with these names; a line that only shows a value must have one."""
    names = {} if names is None else names
    for statement in ast.parse(code).body:
        if isinstance(statement, ast.Expr):
            value = eval(compile(ast.Expression(statement.value), "snippet", "eval"), names)
            called = isinstance(statement.value, ast.Call) and value is None  # such as `image.save(...)`
            assert called or (len(value) if hasattr(value, "__len__") else value), ast.unparse(statement)
        else:
            exec(compile(ast.Module([statement], []), "snippet", "exec"), names)


@pytest.mark.parametrize("snippet", of_language("sh"))
def test_shell_commands_are_understood_and_run(
    snippet: Snippet, checkout: Path, replaced: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkout)
    called = calls(snippet, checkout)
    assert called or set(re.findall(r"(?m)^\w+", snippet.text)) == {"export"}, "the snippet calls nothing of ours"
    for program, *words in called:
        if program == "v2xum":
            words = [replaced.get(word, word) for word in words]
            name = _understood(words)
            if name not in ONLY_PARSED and "--run" not in words:
                if name == "init":  # several pages begin with it, and it replaces nothing
                    shutil.rmtree(checkout / words[1], ignore_errors=True)
                done = _run_command(words, checkout)
                assert done.returncode == 0, f"v2xum {' '.join(words)}: {done.stderr}"
        elif program == "make":
            assert all(re.search(rf"(?m)^{word}:", (ROOT / "Makefile").read_text()) for word in words)
        elif program != "label-studio":  # tests/annotation/label_studio/test_server.py runs what the guide says of it
            assert program == "python" and words[0] == "-m", f"who tests this? {program} {words}"
            _python_understands(words[1:])


def _understood(words: list[str]) -> str:
    """Parse a command with the command line's own parser; the names of the command. Raises click's usage errors."""
    name, *rest = words
    command = load_command(name)
    context = command.make_context(name, rest)
    while isinstance(command, TyperGroup):
        given = [*context._protected_args, *context.args]
        inner, command, rest = command.resolve_command(context, given)
        assert inner is not None and command is not None
        name = f"{name} {inner}"
        context = command.make_context(inner, rest, parent=context)
    return name


def _run_command(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    if words[0] != "evaluate":
        return in_process(*words)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": ""}  # a flow, in a process of its own
    command = [sys.executable, "-m", "flows.cli", *words]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def _python_understands(words: list[str]) -> None:
    """`python -m MODULE --help` names every option that the snippet gives."""
    shown = subprocess.run(
        [sys.executable, "-m", words[0], "--help"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    ).stdout
    unknown = [word for word in words[1:] if word.startswith("--") and not re.search(rf"{word}\b", shown)]
    assert unknown == []


def test_a_wrong_option_would_be_found() -> None:
    with pytest.raises(Exception, match=r"No such option.*--spilt"):
        _understood(["evaluate", "mine=a.jsonl", "--references", "x", "--spilt", "test"])


def test_every_extra_that_a_page_or_a_message_names_exists() -> None:
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    search = ["git", "grep", "-lI", "-e", r"\.\[", "-e", r"v2xum-curator\["]
    files = subprocess.run(search, cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    wrong = []
    for name in files:
        text = (ROOT / name).read_text(encoding="utf-8")
        if name != "tests/docs/test_snippets.py":
            wrong += [f"{name}: {found}" for found in re.findall(r"v2xum-curator\[\w+", text)]  # not on an index
            wrong += [
                f"{name}: {found}"
                for found in re.findall(r"'\.\[([\w,]+)\]'", text)
                if not {*found.split(",")} <= extras
            ]
    assert wrong == []


def test_servers_of_one_machine_have_ports_of_their_own() -> None:
    """The guide starts up to eight captioners on the ports from 8000 on; the summarizer must be elsewhere."""
    pages = [ROOT / "docs" / "guides" / "serving.md", *(ROOT / "configs").glob("*.yaml")]
    for page in pages:
        texts = (
            [each.text for each in snippets(page) if each.language == "yaml"]
            if page.suffix == ".md"
            else [page.read_text()]
        )
        for text in texts:
            models = (yaml.safe_load(text) or {}).get("models", {})
            ports = {role: {int(p) for p in re.findall(r":(\d+)/v1", str(model))} for role, model in models.items()}
            captioners = {port + each for port in ports.get("captioner", ()) for each in range(8)}
            assert not captioners & ports.get("summarizer", set()), page.name
