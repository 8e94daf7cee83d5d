"""`v2xum stop`: asks the run of a workspace to stop at a safe point, also from another machine."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from curation.workspace import Workspace
from flows.cli.app import WorkspaceArgument, app, guarded, note
from flows.local.stop_run import stop_run


@app.command()
@guarded
def stop(
    workspace: WorkspaceArgument,
    wait: Annotated[
        float, typer.Option(min=0, max=86_400, help="Seconds to wait for the run's end; 0: only ask.")
    ] = 120.0,
) -> None:
    """Ask the `v2xum curate` of a workspace to stop at a safe point, as Ctrl-C does, and wait until it has ended.

    It works from another terminal, and from another machine where the ledger is in PostgreSQL.
    """
    sys.stdout.write(f"{stop_run(Workspace(workspace).require(), wait, note)}\n")
