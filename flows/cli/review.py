"""The commands `v2xum review serve`, `push`, `pull` and `report`: people verify samples in Label Studio."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from curation.workspace import Workspace
from flows.cli.app import JsonOption, WorkspaceArgument, guarded, print_json, print_json_text
from flows.cli.review_app import ProjectOption, print_notes, print_pull, report_progress, review
from flows.cli.start.choosing import ClassOption, ReasonOption, StageOption, StateOption, selection_of
from schemas.errors import RunStopped
from schemas.safe_text import plain

if TYPE_CHECKING:  # heavy modules are imported by the command that needs them
    from annotation.push.push import Result


@review.command()
@guarded
def serve(
    workspace: WorkspaceArgument,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="The server's port; without it, the last used port, or 8080.")
    ] = None,
) -> None:
    """Run Label Studio for the workspace, on this machine only, until Ctrl-C. The first use installs it."""
    from annotation.label_studio.server import serving

    place = Workspace(workspace).require()
    asked, ready = list[int](), False  # no event: setting one that the same thread waits for may never return

    def stop_server(number: int, frame: FrameType | None) -> None:
        if asked or not ready:
            raise KeyboardInterrupt  # the server is still starting, or this is the second signal
        asked.append(number)

    before = {number: signal.signal(number, stop_server) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with serving(place.root, port, report_progress) as server:
            ready = True
            _print_access(place.root, server.access.url, server.access.username, server.access.password, server.fresh)
            while not asked:
                time.sleep(0.5)
                if server.process.poll() is not None:
                    raise RunStopped(f"Label Studio ended by itself; see {place.root / 'review' / 'server.log'}")
    except KeyboardInterrupt:
        pass
    finally:
        for number, former in before.items():
            signal.signal(number, former)
    report_progress("Label Studio is stopped; its data stay in the workspace")


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
    ids: Annotated[
        list[str] | None, typer.Argument(help="Ids of samples to judge; default: chosen by `review` and the options.")
    ] = None,
    project: ProjectOption = None,
    random: Annotated[int | None, typer.Option(min=0, help="Size of the random stratum.")] = None,
    active: Annotated[
        int | None, typer.Option(min=0, help="Size of the active stratum (worst audits, rare categories).")
    ] = None,
    gold: Annotated[
        int | None, typer.Option(min=0, help="Number of questions with known answers, half of them with an error.")
    ] = None,
    annotators: Annotated[
        int | None, typer.Option(min=1, help="How many people judge each sample of the shared part.")
    ] = None,
    overlap: Annotated[
        float | None, typer.Option(min=0, max=1, help="The share of samples that several people judge.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also push samples that enough people have judged in another project.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Compare every task on the server, even if nothing shows a change.")
    ] = False,
    state: StateOption = None,
    stage: StageOption = None,
    reason: ReasonOption = None,
    error_class: ClassOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add samples to Label Studio as tasks. Existing tasks stay as they are, so you may run this at any time.

    The section `review` of the configuration, or the options, say how many samples of which kind. Ids, `--state`,
    `--stage`, `--reason` and `--class` name samples instead: all of them are pushed, to the active stratum.
    """
    from flows.review_steps import push_workspace

    selection = selection_of(ids, state, stage, reason, error_class)

    limits = {"random": random, "active": active, "gold": gold, "annotators": annotators, "overlap": overlap}
    changes = {name: value for name, value in limits.items() if value is not None}
    result = push_workspace(
        Workspace(workspace).require(),
        project,
        changes,
        selection,
        again=again,
        check=check,
        report_progress=_progress(),
    )
    if as_json:
        print_json(result._asdict())
    else:
        _print_push(result)


def _print_push(result: Result) -> None:
    words = [f"{result.added} added", f"{result.unchanged} exist already"]
    words += [f"{result.replaced} replaced"] if result.replaced else []
    words += [f"{result.judged} judged already"] if result.judged else []
    words += [f"{result.removed} removed"] if result.removed else []
    sys.stdout.write(f"{plain(result.title)}: {', '.join(words)}\n{result.url}\n")
    for name, why in result.failed:
        sys.stdout.write(f"not pushed     {plain(name)}: {plain(why)}\n")
    print_notes(result.notes)


@review.command()
@guarded
def pull(
    workspace: WorkspaceArgument,
    project: ProjectOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Read all tasks, not only the changed ones.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Store people's verdicts in the ledger. It never overwrites anything, so you may run this at any time."""
    from flows.review_steps import pull_workspace

    result = pull_workspace(Workspace(workspace).require(), project, everything=everything, report_progress=_progress())
    if as_json:
        print_json(result._asdict())
    else:
        print_pull(result)


@review.command()
@guarded
def report(workspace: WorkspaceArgument, as_json: JsonOption = False) -> None:
    """Report progress, agreement and label errors of the review in WORKSPACE/report/review.html."""
    from flows.review_steps import report_workspace

    figures, page = report_workspace(Workspace(workspace).require())
    if as_json:
        print_json_text(figures.model_dump_json())
    else:
        sys.stdout.write(plain(str(page), 2000) + "\n")


def _progress() -> Callable[[str], None]:
    """A function that prints progress on a terminal, at most every three seconds, and nothing elsewhere."""
    last = time.monotonic()

    def report_sometimes(text: str) -> None:
        nonlocal last
        if sys.stderr.isatty() and time.monotonic() - last > 3:
            last = time.monotonic()
            report_progress(text)

    return report_sometimes
