"""The entry point of `v2xum`: imports every command, then runs the application.

Nothing is imported before `main` runs: child processes that decode videos import the program's entry point again, and
must start fast.
"""

# ruff: noqa: F401, I001 - imported for the commands that they register, in the order in which the help shows them
from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer


def application() -> typer.Typer:
    """The application with all of its commands registered."""
    import flows.cli.workspace
    import flows.cli.plan
    import flows.cli.report
    import flows.cli.review
    import flows.cli.review_listen
    import flows.cli.evaluate
    import flows.cli.servers
    import flows.cli.bench
    from flows.cli.app import app

    return app


def main() -> None:
    """Run the command line."""
    application()()
