"""`v2xum review serve | push | pull | report`: people verify samples in Label Studio."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from curation.workspace import Workspace
from flows.cli.app import JsonOption, WorkspaceArgument, app, guarded, print_json
from schemas.errors import RunStopped
from schemas.safe_text import plain

if TYPE_CHECKING:  # what is heavy is imported by the command that needs it
    from annotation.pull.pull import Result as Pulled
    from annotation.push.push import Result as Pushed

review = typer.Typer(no_args_is_help=True, help="Have people verify the samples in Label Studio.")
app.add_typer(review, name="review")

ProjectOption = Annotated[str | None, typer.Option(help="The project's name in Label Studio; the run's when left out.")]


@review.command()
@guarded
def serve(
    workspace: WorkspaceArgument,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="The one used last, or 8080, when left out.")
    ] = None,
) -> None:
    """Start Label Studio for the workspace, on this machine only, until Ctrl-C; it is installed on first use."""
    from annotation.label_studio.server import serving

    place = Workspace(workspace).require()
    stop = threading.Event()

    def raise_if_stopped(number: int, frame: FrameType | None) -> None:
        if stop.is_set() or not ready.is_set():
            raise KeyboardInterrupt  # while it is still starting, and for the impatient
        stop.set()

    ready = threading.Event()
    before = {number: signal.signal(number, raise_if_stopped) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with serving(place.root, port, _report_progress) as server:
            ready.set()
            _print_access(place.root, server.access.url, server.access.username, server.access.password, server.fresh)
            while not stop.wait(1.0):
                if server.process.poll() is not None:
                    raise RunStopped(f"Label Studio ended by itself; see {place.root / 'review' / 'server.log'}")
    except KeyboardInterrupt:
        pass
    finally:
        for number, former in before.items():
            signal.signal(number, former)
    _report_progress("Label Studio is stopped; everything is kept in the workspace")


def _print_access(root: Path, url: str, username: str, password: str, fresh: bool) -> None:
    shown, file = (plain(str(path), 1000) for path in (root, root / "review" / "access.json"))
    sys.stdout.write(f"Label Studio   {url}\n")
    if fresh:
        sys.stdout.write(f"user           {username}\npassword       {password}   (shown once; kept in {file})\n")
    else:
        sys.stdout.write(f"user           {username}   (password: {file})\n")
    sys.stdout.write(
        f"push samples   v2xum review push {shown}\npull verdicts  v2xum review pull {shown}\nCtrl-C ends it.\n"
    )
    sys.stdout.flush()


@review.command()
@guarded
def push(
    workspace: WorkspaceArgument,
    project: ProjectOption = None,
    random: Annotated[int | None, typer.Option(min=0, help="Size of the random stratum.")] = None,
    active: Annotated[int | None, typer.Option(min=0, help="Size of the active stratum (worst audits first).")] = None,
    gold: Annotated[
        int | None, typer.Option(min=0, help="Number of questions with known answers, half of them with an error.")
    ] = None,
    annotators: Annotated[int | None, typer.Option(min=1, help="How many people judge the shared part.")] = None,
    overlap: Annotated[float | None, typer.Option(min=0, max=1, help="The share that so many people judge.")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also what enough people have judged already in another project.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Compare every task on the server, even if nothing tells of a change.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring samples to Label Studio; what is there already is left alone, so it may be run at any time.

    How many and which: section `review` of the configuration, or the options.
    """
    from flows.review_steps import push_workspace

    limits = {"random": random, "active": active, "gold": gold, "annotators": annotators, "overlap": overlap}
    changes = {name: value for name, value in limits.items() if value is not None}
    result = push_workspace(
        Workspace(workspace).require(), project, changes, again=again, check=check, report_progress=_progress()
    )
    if as_json:
        print_json(result._asdict())
    else:
        _print_push(result)


def _print_push(result: Pushed) -> None:
    words = [f"{result.added} added", f"{result.unchanged} there already"]
    words += [f"{result.replaced} replaced"] if result.replaced else []
    words += [f"{result.judged} judged already"] if result.judged else []
    sys.stdout.write(f"{plain(result.title)}: {', '.join(words)}\n{result.url}\n")
    for name, why in result.failed:
        sys.stdout.write(f"not pushed     {plain(name)}: {plain(why)}\n")
    _print_notes(result.notes)


@review.command()
@guarded
def pull(
    workspace: WorkspaceArgument,
    project: ProjectOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Look at all tasks, not only at changed ones.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Bring what people did into the ledger; nothing there is ever overwritten, so it may be run at any time."""
    from flows.review_steps import pull_workspace

    result = pull_workspace(Workspace(workspace).require(), project, everything=everything, report_progress=_progress())
    if as_json:
        print_json(result._asdict())
    else:
        _print_pull(result)


def _print_pull(result: Pulled) -> None:
    words = [f"{result.new} new verdicts", f"{result.annotations} annotations read"]
    words += [f"{result.skipped} skipped"] if result.skipped else []
    words += [f"{result.open} tasks open"]
    words += [f"{result.drafts} drafts not sent yet"] if result.drafts else []
    sys.stdout.write(f"{plain(result.title)}: {', '.join(words)}\n")
    for problem in result.problems:
        sys.stdout.write(f"unclear        {plain(problem, 1000)}\n")
    _print_notes(result.notes)


@review.command()
@guarded
def report(workspace: WorkspaceArgument, as_json: JsonOption = False) -> None:
    """How far the review is, how well people agree, how good the labels are: WORKSPACE/report/review.html."""
    from flows.review_steps import report_workspace

    found, page = report_workspace(Workspace(workspace).require())
    sys.stdout.write(found.model_dump_json() + "\n" if as_json else plain(str(page), 2000) + "\n")


def _print_notes(notes: tuple[str, ...]) -> None:
    for note in notes:
        sys.stderr.write(f"v2xum: note: {plain(note, 1000)}\n")


def _report_progress(text: str) -> None:
    sys.stderr.write(f"v2xum: {plain(text, 1000)}\n")


def _progress() -> Callable[[str], None]:
    """Says how far it is on a terminal, every few seconds, and nothing elsewhere."""
    last = time.monotonic()

    def report_progress(text: str) -> None:
        nonlocal last
        if sys.stderr.isatty() and time.monotonic() - last > 3:
            last = time.monotonic()
            _report_progress(text)

    return report_progress
