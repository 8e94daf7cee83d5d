"""The command group `v2xum review` and the output that several of its commands share."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.app import app
from schemas.kit.number_of import number_of
from schemas.safe_text import plain

if TYPE_CHECKING:  # heavy modules are imported by the command that needs them
    from annotation.pull.pull import Result

review = typer.Typer(no_args_is_help=True, help="Have people verify the samples in Label Studio.")
app.add_typer(review, name="review")

ProjectOption = Annotated[
    str | None, typer.Option(help="The project's name in Label Studio; without it, the name that the run's name gives.")
]


def print_pull(result: Result) -> None:
    """Print the outcome of a pull: one line, one line for each problem, and the notes on standard error."""
    words = [number_of(result.new, "new verdict"), f"{number_of(result.annotations, 'annotation')} read"]
    words += [f"{result.skipped} skipped"] if result.skipped else []
    words += [f"{number_of(result.open, 'task')} open"]
    words += [f"{number_of(result.drafts, 'draft')} not sent yet"] if result.drafts else []
    sys.stdout.write(f"{plain(result.title)}: {', '.join(words)}\n")
    for problem in result.problems:
        sys.stdout.write(f"unclear        {plain(problem, 1000)}\n")
    print_notes(result.notes)


def print_notes(notes: tuple[str, ...]) -> None:
    """Print notes for the user on standard error."""
    for note in notes:
        sys.stderr.write(f"v2xum: note: {plain(note, 1000)}\n")


def report_progress(text: str) -> None:
    """Print a line on standard error."""
    sys.stderr.write(f"v2xum: {plain(text, 1000)}\n")
