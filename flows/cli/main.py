"""The entry point of `v2xum`: runs the application of flows.cli.commands.

Nothing is imported before `main` runs: spawned processes, which decode videos, import the program's entry point again
and must start fast.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer


def application() -> typer.Typer:
    """The application; it imports a command when the command is called."""
    from flows.cli.commands import application

    return application


def main() -> None:
    """Run the command line."""
    application()()
