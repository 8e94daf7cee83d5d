"""The plain root packages: each resolves inside the repository, and nothing of theirs shadows anything else."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from schemas.repository import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = [pattern.rstrip("*") for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]]


def python(code: str) -> str:
    """Run code in a fresh interpreter, since this one has imported much already."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_package_is_listed_and_resolves_inside_the_repository() -> None:
    there = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"benchmarks"}
    assert there == set(PACKAGES)
    code = f"import importlib.util as u\nfor n in {PACKAGES!r}: print(u.find_spec(n).origin)"
    assert all(Path(line).is_relative_to(ROOT) for line in python(code).splitlines())


def test_no_flow_file_shares_a_name_with_an_importable_module() -> None:
    stems = sorted(path.stem for path in (ROOT / "flows").glob("*.py") if path.stem != "__init__")
    code = f"import importlib.util as u\nprint([n for n in {stems!r} if u.find_spec(n) and n not in ('demo',)])"
    assert python(code) == "[]"


@pytest.mark.slow
def test_logic_imports_without_prefect() -> None:
    code = (
        "import sys, pkgutil, importlib\n"
        "sys.modules['prefect'] = None\n"
        "for name in ('schemas', 'prompts', 'models', 'curation', 'evaluation', 'annotation', 'demo'):\n"
        "    package = importlib.import_module(name)\n"
        "    for module in pkgutil.iter_modules(package.__path__):\n"
        "        importlib.import_module(f'{name}.{module.name}')\n"
    )
    python(code)


@pytest.mark.parametrize("module", ["flows.cli", "curation.pipeline.services", "curation.status.standings"])
def test_reading_a_ledger_needs_neither_torch_nor_prefect(module: str) -> None:
    heavy = "['torch', 'transformers', 'prefect', 'decord']"
    assert python(f"import sys, {module}\nprint([n for n in {heavy} if n in sys.modules])") == "[]"


def test_files_stay_small() -> None:
    files = [path for name in (*PACKAGES, "benchmarks") for path in (ROOT / name).glob("*.py")]
    long = {str(path.relative_to(ROOT)): lines for path in files if (lines := path.read_text().count("\n")) > 400}
    assert long == {}


def test_the_readme_tree_names_what_there_is() -> None:
    readme = (ROOT / "README.md").read_text()
    tree = readme.split("```text tree\n")[1].split("```")[0]
    named = {line.split()[0].rstrip("/") for line in tree.splitlines() if line and not line.startswith(" ")}
    ignored = {"LICENSE", "requirements.lock"}
    kept = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout.splitlines()
    there = {path.split("/")[0] for path in kept if not path.startswith(".")} - ignored
    assert there - named == set()
    assert {name for name in named if not (ROOT / name).exists()} == set()
