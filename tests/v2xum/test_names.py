"""`import v2xum`: it is light, has the names that it promises, and the types that it names can be seen by others."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import typing

import pytest

import v2xum
from schemas.repository import ROOT

SOURCE = ast.parse((ROOT / "v2xum" / "__init__.py").read_text(encoding="utf-8"))


def test_it_imports_nothing_but_itself() -> None:
    code = "import sys\nbefore = set(sys.modules)\nimport v2xum\nprint(sorted(set(sys.modules) - before))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    added = {name.split(".")[0] for name in ast.literal_eval(done.stdout)}
    assert added - sys.stdlib_module_names == {"v2xum"}


def test_reading_a_workspace_loads_neither_torch_nor_prefect() -> None:
    used = "v2xum.Workspace, v2xum.evaluate, v2xum.load_release, v2xum.sample_frames"
    code = f"import sys, v2xum\n{used}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    )
    assert {"torch", "transformers", "prefect", "datasets", "yt_dlp"} & set(done.stdout.split()) == set()


def test_the_names_for_type_checkers_are_those_that_are_there() -> None:
    (block,) = [node for node in SOURCE.body if isinstance(node, ast.If) and isinstance(node.test, ast.Name)]
    seen = {
        (node.module, alias.name) for node in block.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert seen == {(module, name) for module, names in v2xum._HOMES.items() for name in names}
    assert [name for name in v2xum.__all__ if not hasattr(v2xum, name)] == []
    assert set(v2xum.__all__) <= set(dir(v2xum))


def test_a_misspelt_name_is_told() -> None:
    with pytest.raises(AttributeError, match=r"'sumarize'; it has .*summarize"):
        v2xum.sumarize  # noqa: B018


@pytest.mark.parametrize("name", v2xum.__all__)
def test_every_name_is_documented(name: str) -> None:
    value = getattr(v2xum, name)
    members = (
        [value, *(member for key, member in vars(value).items() if not key.startswith("_"))]
        if inspect.isclass(value)
        else [value]
    )
    functions = [one for one in members if inspect.isfunction(one) or inspect.isclass(one) or isinstance(one, property)]
    assert [one for one in functions if not (inspect.getdoc(one) or "").strip()] == []
    if inspect.isfunction(value):
        assert "Raises" in (value.__doc__ or "")


def test_packages_whose_types_are_named_say_that_they_are_typed() -> None:
    """Without `py.typed` a type checker outside of this repository takes everything of a package for Any."""
    packages = {"v2xum"}
    for path in (ROOT / "v2xum").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                packages.add(node.module.split(".")[0])
    own = {package for package in packages if (ROOT / package / "__init__.py").is_file()}
    assert {"schemas", "curation"} <= own
    assert [package for package in sorted(own) if not (ROOT / package / "py.typed").is_file()] == []


def test_hints_can_be_read_at_run_time() -> None:
    for name in ("curate", "caption", "evaluate", "load_release", "sample_frames", "summarize"):
        assert typing.get_type_hints(getattr(v2xum, name))["return"] is not None
