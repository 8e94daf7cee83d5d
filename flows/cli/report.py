"""`v2xum report`: writes the page and the figures of a workspace again, from its ledger."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from curation.pipeline.services import open_services
from curation.report.write import report_path, write_report
from curation.workspace import Workspace
from flows.cli.app import WorkspaceArgument, app, guarded, print_json_text
from schemas.errors import WorkspaceBusy
from schemas.safe_text import plain


@app.command()
@guarded
def report(
    workspace: WorkspaceArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print summary.json instead of the page's path.")] = False,
) -> None:
    """Write WORKSPACE/report/report.html and summary.json again; throughput is that of the last `v2xum curate`."""
    place = Workspace(workspace).require()
    try:
        with place.lock(), open_services(place) as services:
            summary = write_report(place, services)
    except WorkspaceBusy as error:
        raise WorkspaceBusy(
            f"{workspace}: a run is going on here and writes the report when it ends; `v2xum status {workspace}` shows "
            "its progress"
        ) from error
    if as_json:
        print_json_text(summary.model_dump_json())
    else:
        sys.stdout.write(plain(str(report_path(place)), 2000) + "\n")
