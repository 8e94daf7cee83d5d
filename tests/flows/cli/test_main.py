"""Ctrl-C before a run listens for it: exit code 130 and a word, never a traceback."""

from __future__ import annotations

import subprocess
import sys

import pytest

from schemas.repository import ROOT

WHILE_IMPORTING = """
def application():
    raise KeyboardInterrupt
"""
IN_A_COMMAND = """
import typer
def application():
    app = typer.Typer()
    @app.command()
    def one():
        raise KeyboardInterrupt
    return app
"""


@pytest.mark.parametrize("program", [WHILE_IMPORTING, IN_A_COMMAND])
def test_ctrl_c_has_its_exit_code_at_any_moment(program: str) -> None:
    program += "\nfrom flows.cli import main\nmain.application = application\nmain.main()"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 130 and "v2xum: interrupted" in done.stderr
    assert "Traceback" not in done.stderr
