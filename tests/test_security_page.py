"""docs/security.md: every attack in its tables names tests, and these exist."""

from __future__ import annotations

import ast
import re

from schemas.repository import ROOT

PAGE = ROOT / "docs" / "security.md"
_NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


def rows() -> list[list[str]]:
    """The cells of each row of the tables, without heads."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [row for row in cells if row[0] != "Input" and set(row[0]) != {"-"}]


def test_every_attack_says_what_happens_and_names_a_test() -> None:
    assert len(rows()) > 50
    for row in rows():
        assert len(row) == 3 and all(row), row
        named = _NAMED.findall(row[2])
        assert named and ", ".join(f"`{file}::{name}`" for file, name in named) == row[2], row


def test_every_test_that_is_named_exists() -> None:
    for file, name in sorted({pair for row in rows() for pair in _NAMED.findall(row[2])}):
        path = ROOT / "tests" / file
        assert path.is_file(), f"{file} is not there"
        functions = {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)}
        assert name in functions, f"{file} has no {name}"


def test_the_readme_leads_to_the_page() -> None:
    assert "(docs/security.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
