"""The structure of the repository: packages, folders, files, imports, and the pages that describe them."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib

import pytest

from flows.cli.commands import COMMANDS
from schemas.repository import ROOT
from tests import house

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
FILES = {"configs", "data"}  # folders of files, which a wheel has beside the packages
PACKAGES = [
    name
    for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    if (name := pattern.rstrip("*")) not in FILES
]
MOST_LINES, MOST_FILES, MOST_ENTRIES_OF_CURATION = 400, 20, 17


def python(code: str) -> str:
    """Run code in a fresh interpreter, since this one has imported much already."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_every_package_is_listed_and_resolves_inside_the_repository() -> None:
    there = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"benchmarks"}
    assert there == set(PACKAGES) == set(house.PACKAGES) - {"benchmarks"}
    code = (
        "import importlib.util as u, pathlib\n"
        f"origins = [pathlib.Path(u.find_spec(n).origin) for n in {PACKAGES!r}]\n"
        f"print(all(o.is_relative_to({str(ROOT)!r}) for o in origins))"
    )
    assert python(code) == "True"


def test_every_folder_with_code_is_a_package() -> None:
    """setuptools and import-linter would silently pass over a folder without `__init__.py`."""
    assert {path.parent for path in house.files() if not (path.parent / "__init__.py").is_file()} == set()


def test_the_check_of_files_sees_subfolders() -> None:
    kept = subprocess.run(
        ["git", "ls-files", *(f"{package}/*.py" for package in house.PACKAGES)],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=300,
    ).stdout.splitlines()  # fmt: skip
    assert {str(path.relative_to(ROOT)) for path in house.files()} >= set(kept)
    assert any(path.count("/") > 1 for path in kept)


def test_files_stay_small() -> None:
    long = {str(path): lines for path in house.files() if (lines := path.read_text().count("\n")) > MOST_LINES}
    assert long == {}


def test_every_file_says_what_is_in_it() -> None:
    silent = [path for path in house.files() if not ast.get_docstring(ast.parse(path.read_text()))]
    assert silent == []


def test_no_folder_is_a_hall() -> None:
    counts: dict[str, int] = {}
    for path in house.files():
        counts[str(path.parent.relative_to(ROOT))] = counts.get(str(path.parent.relative_to(ROOT)), 0) + 1
    assert {folder: count for folder, count in counts.items() if count > MOST_FILES} == {}
    kept = {path.relative_to(ROOT / "curation").parts[0] for path in house.files() if "curation" in path.parts}
    assert len(kept) <= MOST_ENTRIES_OF_CURATION + 1  # and __init__.py


def test_no_imports_go_in_a_circle() -> None:
    assert house.circles(house.modules()) == []


def test_circles_are_found() -> None:
    graph = {"a": frozenset("b"), "b": frozenset("c"), "c": frozenset("bd"), "d": frozenset()}
    assert house.circles(graph) == [["b", "c"]]
    assert house.direct({"a": frozenset("bc"), "b": frozenset("c"), "c": frozenset()})["a"] == frozenset("b")


def test_no_command_imports_another() -> None:
    commands = {f"flows.cli.{module}" for entry in COMMANDS.values() for module in entry.modules}
    assert {name: others & commands for name, others in house.modules().items() if name in commands} == dict.fromkeys(
        commands, frozenset()
    )


def test_no_module_takes_private_names_of_another() -> None:
    """A name with an underscore belongs to its file; who needs it elsewhere makes it public or moves it."""
    taken = []
    for path in house.files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in house.PACKAGES:
                taken += [f"{path.name}: {node.module}.{a.name}" for a in node.names if a.name.startswith("_")]
    assert taken == []


def test_no_flow_file_shares_a_name_with_an_importable_module() -> None:
    stems = sorted(path.stem for path in (ROOT / "flows").glob("*.py") if path.stem != "__init__")
    code = f"import importlib.util as u\nprint([n for n in {stems!r} if u.find_spec(n) and n not in ('demo',)])"
    assert python(code) == "[]"


@pytest.mark.slow
def test_logic_imports_without_prefect() -> None:
    names = [house.module(path) for path in house.files()]
    logic = [name for name in names if name.split(".")[0] not in ("flows", "tasks", "benchmarks")]
    assert len(logic) > len(PACKAGES) * 5
    runnable = [name for name in logic if not name.endswith("__main__")]
    python(f"import sys, importlib\nsys.modules['prefect'] = None\nfor n in {runnable!r}: importlib.import_module(n)")


@pytest.mark.slow
@pytest.mark.parametrize("module", ["flows.cli.main", "curation.pipeline.services", "curation.pipeline.open"])
def test_reading_a_ledger_needs_neither_torch_nor_prefect(module: str) -> None:
    heavy = "['torch', 'transformers', 'prefect', 'decord', 'yt_dlp']"
    assert python(f"import sys, {module}\nprint([n for n in {heavy} if n in sys.modules])") == "[]"


@pytest.mark.slow
def test_only_child_processes_load_the_program_that_reads_web_pages() -> None:
    assert python("import sys, curation.pipeline.stage_functions\nprint('yt_dlp' in sys.modules)") == "False"


def test_the_pictures_show_the_imports_as_they_are() -> None:
    page = house.PAGE.read_text(encoding="utf-8")
    assert set(house.drawings()) == {line[12:-4] for line in page.splitlines() if line.startswith("<!-- drawn: ")}
    assert house.drawn(page) == page, "draw them anew: python -m tests.house"


def test_the_tree_names_what_there_is_as_it_describes_itself() -> None:
    page = house.PAGE.read_text(encoding="utf-8")
    assert house.with_tree(page) == page, "write it anew: python -m tests.house"
    assert all(purpose.endswith(".") for purpose in house.purposes().values())
    tree = page.split("```text tree\n")[1].split("```")[0]
    named = {line.split()[0].rstrip("/") for line in tree.splitlines() if line and not line.startswith(" ")}
    ignored = {"LICENSE", "requirements.lock"}
    kept = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout.splitlines()
    there = {path.split("/")[0] for path in kept if not path.startswith(".")} - ignored
    assert there - named == set()
    assert {name for name in named if not (ROOT / name).exists()} == set()
