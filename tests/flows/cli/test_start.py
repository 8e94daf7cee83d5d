"""The command line starts fast: which modules are not loaded, and the table of commands that makes this possible."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_group

from curation.workspace import Workspace
from flows.cli.app import app
from flows.cli.commands import COMMANDS, load_command
from schemas.configuration.loading import load_config
from schemas.records import Origin, Source
from schemas.repository import ROOT
from tests.runs import CONFIG

HEAVY = {
    *("prefect", "torch", "transformers", "datasets", "open_clip", "av", "decord", "yt_dlp", "PIL", "imagehash"),
    *("numpy", "h5py", "scipy", "pandas", "pyarrow"),
}
RECORDS = {"pydantic", "sqlalchemy", "schemas.records", "curation", "evaluation", "annotation"}
CALL = """
import sys
from flows.cli.main import main
sys.argv = ["v2xum", *sys.argv[1:]]
try:
    main()
finally:
    sys.stderr.write(__import__("json").dumps(sorted(sys.modules)))
"""
# As the console script, which a spawned process imports again.
SPAWN = """
import multiprocessing
from flows.cli.main import main
if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.apply(eval, ("__import__('json').dumps(sorted(__import__('sys').modules))",)))
"""


def loaded(*arguments: str) -> set[str]:
    """The modules that are loaded at the end of a command, which must succeed, in a process of its own."""
    command = [sys.executable, "-c", CALL, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[:2000]
    return set(json.loads(done.stderr.splitlines()[-1]))


def test_help_imports_no_command() -> None:
    modules = loaded("--help")
    assert not modules & (HEAVY | RECORDS)
    assert {name for name in modules if name.startswith("flows.cli.")} == {
        "flows.cli.main",
        "flows.cli.app",
        "flows.cli.commands",
    }


@pytest.mark.slow
def test_status_loads_nothing_heavy(tmp_path: Path) -> None:
    place = Workspace(tmp_path / "workspace")
    ledger = place.ledger()
    place.save_config(load_config(CONFIG))
    ledger.register([Source(id="v1", kind="url", uri="https://example.org/v1", origin=Origin(list_name="l", row=1))])
    ledger.close()
    assert not loaded("status", str(place.root)) & HEAVY


def test_a_spawned_process_imports_neither_the_commands_nor_what_they_share(tmp_path: Path) -> None:
    script = tmp_path / "v2xum"
    script.write_text(SPAWN)
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    modules = set(json.loads(done.stdout))
    assert "flows.cli.main" in modules
    assert not modules & (HEAVY | RECORDS | {"typer", "flows.cli.app", "flows.cli.commands"})


def test_the_file_of_python_m_imports_only_the_entry_point() -> None:
    code = "import flows.cli.__main__, json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert {name for name in json.loads(done.stdout) if name.startswith("flows.cli.")} == {
        "flows.cli.__main__",
        "flows.cli.main",
    }


@pytest.mark.parametrize("arguments", [["-m", "flows.cli"], ["-c", "from flows.cli.main import main\nmain()"]])
def test_the_module_and_the_console_script_are_the_same_command(arguments: list[str]) -> None:
    command = [sys.executable, *arguments, "nothing"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "No such command 'nothing'" in done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_what_the_command_says(name: str) -> None:
    first = (load_command(name).help or "").split("\n\n")[0]
    assert COMMANDS[name].help == " ".join(first.split()), (
        "copy the docstring's first paragraph into flows/cli/commands.py"
    )


def test_every_command_is_in_the_table() -> None:
    for path in (ROOT / "flows" / "cli").rglob("[!_]*.py"):  # those in folders too
        importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    assert set(get_group(app).commands) == set(COMMANDS)


def test_products_of_small_matrices_are_made_by_one_thread() -> None:
    code = (
        "from flows.cli.main import calm_threads\ncalm_threads()\nimport json, numpy, threadpoolctl\n"
        "print(json.dumps(threadpoolctl.threadpool_info()))"
    )
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True)
    assert [pool["num_threads"] for pool in json.loads(done.stdout) if pool["user_api"] == "blas"] == [1]
