"""docs/security.md: every attack in its tables names tests, and these exist."""

from __future__ import annotations

import ast
import re

from schemas.repository import ROOT

PAGE = ROOT / "docs" / "security.md"
_NAMED = re.compile(r"`([\w/]+\.py)::(test_\w+)`")
_FILE = re.compile(r"`([\w./-]+/[\w./-]+|[\w/]+\.py)`")
# What a review has to go through; each has a row of its own.
KINDS = {
    *("Path traversal", "SSRF by an address", "SSRF by a redirect", "SSRF by DNS", "SSRF by a proxy", "Decoder bombs"),
    *("Playlist bombs and playlists of other files", "Bombs that unpack", "Programs started by a format"),
    *("Template injection in prompts", "Template injection in Label Studio", "Template injection in pages"),
    *("Formula injection", "Secrets in logs, tracebacks and command lines", "Secrets in what is kept or published"),
    *("Pickle from outside", "A Prefect server without authentication", "A Ray cluster without authentication"),
    *("Default passwords and open ports of servers that we start for a group",),
    *("A node that comes back after the ledger was restored",),
    *("Our own listeners", "Known faults of packages", "Malformed input of every parser"),
}


def rows() -> list[list[str]]:
    """The cells of each row of the tables, without heads."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return [row for row in cells if row[0] not in ("Input", "Threat") and set(row[0]) != {"-"}]


def test_every_attack_says_what_happens_and_names_a_test() -> None:
    assert len(rows()) > 50
    for row in rows():
        assert len(row) == 3 and all(row), row
        named = _NAMED.findall(row[2])
        assert named and ", ".join(f"`{file}::{name}`" for file, name in named) == row[2], row


def test_every_kind_of_attack_has_a_guard_in_a_file_that_is_there() -> None:
    listed = {row[0].split("**")[1]: row[1] for row in rows() if row[0].startswith("**")}
    assert set(listed) == KINDS
    for kind, guard in listed.items():
        files = _FILE.findall(guard)
        assert files, kind
        for file in files:
            assert (ROOT / file).is_file(), f"{kind}: {file} is not there"


def test_every_test_that_is_named_exists() -> None:
    for file, name in sorted({pair for row in rows() for pair in _NAMED.findall(row[2])}):
        path = ROOT / "tests" / file
        assert path.is_file(), f"{file} is not there"
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        functions = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
        assert name in functions, f"{file} has no {name}"


def test_the_readme_leads_to_the_page() -> None:
    assert "(docs/security.md)" in (ROOT / "README.md").read_text(encoding="utf-8")
