"""`v2xum review listen`: verdicts come into the ledger moments after they are submitted."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from curation.workspace import Workspace
from flows.cli.app import WorkspaceArgument, guarded
from flows.cli.review import ProjectOption, _print_pull, _report_progress, review

if TYPE_CHECKING:
    from annotation.pull.pull import Result


@review.command()
@guarded
def listen(
    workspace: WorkspaceArgument,
    project: ProjectOption = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen, on this machine only; 0: any.")] = 8090,
    host_url: Annotated[
        str | None, typer.Option(help="How a Label Studio elsewhere reaches that port: https://hooks.example.org")
    ] = None,
    every: Annotated[float, typer.Option(min=0.01, help="Minutes after which to pull when nothing rings.")] = 10.0,
) -> None:
    """Pull whenever somebody submits, until Ctrl-C: Label Studio rings by a webhook, which is removed at the end."""
    asyncio.run(_listen(Workspace(workspace).require(), project, port, host_url, every * 60))
    _report_progress("no longer listening; everything that came is in the ledger")


async def _listen(place: Workspace, project: str | None, port: int, host_url: str | None, every: float) -> None:
    from flows.local.review_listener import Callbacks, listen

    loop, bell, stop = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    numbers = (signal.SIGINT, signal.SIGTERM)

    def raise_if_stopped() -> None:
        stop.set()
        bell.set()
        for number in numbers:  # a second one ends it at once; a webhook that is left is taken over by the next start
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    for number in numbers:
        loop.add_signal_handler(number, raise_if_stopped)
    await listen(place, project, port, host_url, every, bell, stop, Callbacks(_came, _report_progress))


def _came(result: Result) -> None:
    _print_pull(result)
    sys.stdout.flush()
