"""The snippets of README and guides, read by the same Markdown library as our pages, and shells that run them."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from schemas.repository import ROOT

_FOLDERS = ("tutorials", "guides", "concepts")
PAGES = (
    *(ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "docs" / "index.md"),
    *(page for folder in _FOLDERS for page in sorted((ROOT / "docs" / folder).glob("*.md"))),
)
# A command that writes what it was called with into $CALLS, a JSON list a line, and does nothing else.
_RECORDER = """#!/usr/bin/env python3
import fcntl, json, os, sys
with open(os.environ["CALLS"], "a") as calls:
    fcntl.flock(calls, fcntl.LOCK_EX)
    calls.write(json.dumps([os.path.basename(sys.argv[0]), *sys.argv[1:]]) + "\\n")
"""
_RECORDED = ("v2xum", "python", "make", "pip")


@dataclass(frozen=True)
class Snippet:
    """A block of code of a page. `language` is the word after its fence; an indented block is taken as "sh"."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def snippets(page: Path) -> list[Snippet]:
    """All blocks of code of a Markdown file, in their order."""
    tokens = MarkdownIt("commonmark").parse(page.read_text(encoding="utf-8"))
    return [
        Snippet(
            page, (token.map or [0])[0] + 1, token.info.split(" ")[0] if token.type == "fence" else "sh", token.content
        )
        for token in tokens
        if token.type in {"fence", "code_block"}
    ]


def calls(snippet: Snippet, folder: Path) -> list[list[str]]:
    """Run a shell snippet in `folder` and return the commands of ours that it called, with their arguments.

    The commands themselves are recorders, so that loops, quotation marks, variables and `&` mean what they mean to the
    reader's shell. Raises AssertionError when the shell does not understand the snippet, or a command is unknown to it.
    """
    commands, log = folder / "recorders", folder / "calls"
    log.write_text("")
    for path in (*(commands / name for name in _RECORDED), folder / "V2XUM_VENV" / "bin" / "label-studio"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_RECORDER)
        path.chmod(0o755)
    environment = {**os.environ, "CALLS": str(log), "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-eu", "-c", f"{snippet.text}\nwait"],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{snippet}: {done.stderr}"
    return [json.loads(line) for line in log.read_text().splitlines()]
