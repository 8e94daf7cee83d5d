"""The command `v2xum review listen`: it stores verdicts in the ledger moments after people submit them."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from curation.workspace import Workspace
from flows.cli.app import WorkspaceArgument, guarded
from flows.cli.review_app import ProjectOption, print_pull, report_progress, review

if TYPE_CHECKING:
    from annotation.pull.pull import Result


@review.command()
@guarded
def listen(
    workspace: WorkspaceArgument,
    project: ProjectOption = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port to listen on, on this machine only; 0: any.")
    ] = 8090,
    host_url: Annotated[
        str | None,
        typer.Option(
            help="The address under which a Label Studio elsewhere reaches that port: https://hooks.example.org"
        ),
    ] = None,
    every: Annotated[float, typer.Option(min=0.01, help="Minutes after which to pull when no webhook came.")] = 10.0,
) -> None:
    """Pull whenever somebody submits, until Ctrl-C. Label Studio sends a webhook, which is removed at the end."""
    asyncio.run(_listen(Workspace(workspace).require(), project, port, host_url, every * 60))
    report_progress("no longer listening; all verdicts that came are in the ledger")


async def _listen(place: Workspace, project: str | None, port: int, host_url: str | None, every: float) -> None:
    from flows.local.review_listener import Callbacks, listen

    loop, bell, stop = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def stop_listening() -> None:
        stop.set()
        bell.set()
        for number in numbers:  # a second signal ends the process at once; the next start takes its webhook over
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in numbers:
        loop.add_signal_handler(number, stop_listening)
    await listen(place, project, port, host_url, every, bell, stop, Callbacks(_print_came, report_progress))


def _print_came(result: Result) -> None:
    print_pull(result)
    sys.stdout.flush()
