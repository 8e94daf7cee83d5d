"""The entry point of `v2xum`: runs the application of flows.cli.commands.

Nothing is imported before `main` runs: spawned processes, which decode videos, import the program's entry point again
and must start fast.
"""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    import typer

OLDEST = (3, 11)


def application() -> typer.Typer:
    """The application; it imports a command when the command is called."""
    from flows.cli.commands import application

    return application


def write_any_text() -> None:
    """Let stdout and stderr escape what their encoding cannot show: captions and titles hold any character."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def calm_threads() -> None:
    """Keep threads of torch and NumPy from spinning while they wait for each other; call it before these are imported.

    On a busy machine that made a small model ten times slower, and products of small matrices thirty times. Variables
    that are set already stay.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def require_python(running: tuple[int, ...]) -> None:
    """End with a sentence and exit code 2 under a Python that is too old for the modules of the commands."""
    if running < OLDEST:
        have, need = (".".join(map(str, version)) for version in (running, OLDEST))
        sys.stderr.write(
            f"v2xum: this is Python {have}, and {need} or newer is needed: install one, and make the environment with "
            f"it (make PYTHON=python{need}, or python{need} -m venv .venv)\n"
        )
        sys.exit(2)


def main() -> None:
    """Run the command line. Ctrl-C ends it with exit code 130 and no traceback, also while modules are imported."""
    require_python(sys.version_info[:2])
    try:
        _run()
    except KeyboardInterrupt:
        _interrupted()
    except SystemExit as end:
        abort = end.__context__  # click turns Ctrl-C into `Abort`, and that into exit code 1
        if abort is not None and isinstance(abort.__cause__, KeyboardInterrupt):
            _interrupted()
        raise


def _interrupted() -> NoReturn:
    sys.stderr.write("v2xum: interrupted\n")
    sys.exit(130)


def _run() -> None:
    import logging

    calm_threads()
    logging.raiseExceptions = False  # a log that cannot be written, for want of memory, is no reason for a traceback
    write_any_text()
    application()()
