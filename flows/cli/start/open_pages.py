"""`v2xum open`: the pages of a workspace in a browser of this machine."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from curation.workspace import Workspace
from flows.cli.app import WorkspaceArgument, app, guarded, note
from schemas.safe_text import plain


@app.command("open")
@guarded
def open_command(
    workspace: WorkspaceArgument,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="The port on 127.0.0.1; default: 8765, or a free one where that is used."),
    ] = None,
) -> None:
    """Serve report, browse pages and evaluations of a workspace on this machine, until Ctrl-C.

    The first page links what is there, and says how to make what is not.
    """
    asyncio.run(_serve(workspace, Workspace(workspace).require(), port))
    note("stopped")


async def _serve(named: Path, place: Workspace, port: int | None) -> None:
    from flows.local.page_server import serve_pages
    from flows.local.workspace_pages import find_pages

    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)

    def ready(address: str) -> None:
        sys.stdout.write(f"{address}   {plain(str(place.root), 1000)}\nCtrl-C ends it.\n")
        sys.stdout.flush()

    await serve_pages(lambda: find_pages(place, named), port, ready, stop)
