"""What `pipx install .` and `uv tool install .` get: a wheel with every file that the code reads, and none of a run."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from schemas.repository import ROOT, kept_folder

# What the wheel would hold, as setuptools lists it: nothing is built.
_LIST = """
import os
from setuptools.dist import Distribution
dist = Distribution({"script_name": "setup.py"})
dist.parse_config_files()
dist.set_defaults()
command = dist.get_command_obj("build_py")
command.ensure_finalized()
print(*sorted(os.path.relpath(file, command.build_lib) for file in command.get_outputs(include_bytecode=0)), sep="\\n")
"""


def kept(*folders: str) -> set[str]:
    """The files of these folders that the repository keeps."""
    named = subprocess.run(
        ["git", "ls-files", *folders], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return {name for name in named.stdout.splitlines() if (ROOT / name).is_file()}


@pytest.mark.slow
def test_the_wheel_has_every_file_that_the_code_reads_and_nothing_of_a_run() -> None:
    listed = subprocess.run(
        [sys.executable, "-W", "error::setuptools.warnings.SetuptoolsDeprecationWarning", "-c", _LIST],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert listed.returncode == 0, listed.stderr
    names = set(listed.stdout.splitlines())
    assert (
        kept("configs", "data", "prompts", "annotation", "schemas", "v2xum", "flows/cli", "*/py.typed") - names == set()
    )
    assert [name for name in names if name.startswith("data/runs") or "__pycache__" in name] == []
    assert {name.split("/")[0] for name in names} & {"tests", "benchmarks", "examples", "docs"} == set()


def test_an_image_is_made_of_what_the_wheel_is_made_of() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = project["tool"]["setuptools"]["packages"]["find"]["include"]
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sent = {line[1:] for line in lines if line.startswith("!")}
    files = {project["project"]["readme"], *project["project"]["license-files"], "pyproject.toml", "requirements.lock"}
    files.add("requirements-vllm-cpu.lock")  # Containerfile.vllm
    assert sent == {pattern.rstrip("*") for pattern in patterns} | files and "data/runs" in lines


def test_what_is_fetched_is_kept_where_an_installed_program_may_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kept_folder() == ROOT / "data" / "runs"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert kept_folder(tmp_path / "site-packages") == tmp_path / "cache" / "v2xum"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert kept_folder(tmp_path / "site-packages") == tmp_path / ".cache" / "v2xum"
