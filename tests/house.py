"""The structure of the project as it is: its imports, its folders, and the pages that show both.

`python -m tests.house` draws the pictures and the tree in CONTRIBUTING.md anew. Imports inside functions
count like all others: they may make a start faster, and must not hide a circle.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

from schemas.repository import ROOT

PACKAGES = (
    *("v2xum", "flows", "tasks", "demo", "evaluation", "annotation", "training", "curation", "models"),
    *("pages", "prompts", "schemas", "benchmarks"),
)
PAGE = ROOT / "CONTRIBUTING.md"
_TREE = re.compile(r"```text tree\n.*?\n\n", re.DOTALL)
_WIDTH = 18  # of the names in the tree
_BLOCK = re.compile(r"<!-- drawn: (\w+) -->\n```mermaid\n.*?```\n", re.DOTALL)
Graph = Mapping[str, frozenset[str]]


def files() -> list[Path]:
    """Every Python file of the packages, subfolders included."""
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def module(path: Path) -> str:
    """The dotted name of a file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> Graph:
    """Which modules of the project each module imports."""
    known = {module(path): path for path in files()}
    return {name: frozenset(_imported(path, known) - {name}) for name, path in known.items()}


def folders(graph: Graph, depth: int, inside: str = "") -> Graph:
    """The same imports between folders: the first `depth` parts of each name; only those `inside` a package."""

    def place(name: str) -> str:
        path = (ROOT / name.replace(".", "/")).with_suffix(".py")
        parts = name.split(".")[: -1 if path.exists() else None]
        folder = ".".join(parts[:depth])
        return "workspace.py" if inside and folder == inside.rstrip(".") else folder

    found: dict[str, set[str]] = {}
    for name, others in graph.items():
        if name.startswith(inside):
            targets = {place(other) for other in others if other.startswith(inside)}
            found.setdefault(place(name), set()).update(targets - {place(name)})
    return {name: frozenset(others) for name, others in found.items()}


def circles(graph: Graph) -> list[list[str]]:
    """Groups of names that reach one another (Tarjan's strongly connected components with two members or more)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph.get(name, ())):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            place = stack.index(name)
            group = sorted(stack[place:])
            del stack[place:]
            if len(group) > 1:
                found.append(group)

    for name in sorted(graph):
        if name not in index:
            visit(name)
    return found


def direct(graph: Graph) -> Graph:
    """Without the arrows that a longer way says already (transitive reduction); the graph must have no circle."""

    @cache
    def reach(name: str) -> frozenset[str]:
        return frozenset().union(*({other} | reach(other) for other in graph.get(name, ())))

    return {
        name: frozenset(o for o in others if not any(o in reach(other) for other in others - {o}))
        for name, others in graph.items()
    }


def drawings() -> dict[str, str]:
    """The Mermaid text of each picture by its name in CONTRIBUTING.md."""
    whole = {name: others for name, others in modules().items() if not name.startswith("benchmarks")}
    return {
        "packages": _mermaid(direct(folders(whole, 1))),
        "curation": _mermaid(direct(folders(whole, 2, "curation."))),
    }


def drawn(text: str) -> str:
    """The page with its pictures as the imports are now."""
    pictures = drawings()
    return _BLOCK.sub(lambda match: f"<!-- drawn: {match[1]} -->\n```mermaid\n{pictures[match[1]]}```\n", text)


def _mermaid(graph: Graph) -> str:
    lines = [f"    {_node(name)} --> {_node(other)}" for name in sorted(graph) for other in sorted(graph[name])]
    return "\n".join(["flowchart TD", *lines]) + "\n"


def _node(name: str) -> str:
    return name.removeprefix("curation.")


def purposes() -> dict[str, str]:
    """The first line of every package folder's `__init__.py`, by the folder's path, in the order of PACKAGES."""
    found: dict[str, str] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("__init__.py")):
            first = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]
            found[str(path.parent.relative_to(ROOT))] = first
    return found


def with_tree(text: str) -> str:
    """The page with the tree as the folders describe themselves; the entries after the first blank line stay."""
    lines = []
    for folder, purpose in purposes().items():
        name = "  " * folder.count("/") + folder.rpartition("/")[2] + "/"
        lines.append(f"{name:{_WIDTH}}{purpose.rstrip('.')}")
    return _TREE.sub(lambda _: "```text tree\n" + "\n".join(lines) + "\n\n", text)


def _imported(path: Path, known: Iterable[str]) -> set[str]:
    return {name for name in _names(ast.parse(path.read_text(encoding="utf-8"))) if name in known}


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            for alias in node.names:  # a module of a package, or a name of a module
                yield f"{node.module}.{alias.name}"
                yield node.module


if __name__ == "__main__":
    PAGE.write_text(with_tree(drawn(PAGE.read_text(encoding="utf-8"))), encoding="utf-8")
