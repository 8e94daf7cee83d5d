"""`v2xum deploy`: sets up on a Prefect server what runs by itself, when, and what follows on what."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.app import JsonOption, app, guarded, named_folder, note, print_json, run_folder, shown_path
from schemas.configuration.loading import load_config
from schemas.kit.number_of import number_of
from schemas.safe_text import plain

if TYPE_CHECKING:  # heavy modules are imported by the command that needs them
    from schemas.documents.deployment import DeployReport

_WOULD = {"created": "would create", "changed": "would change", "removed": "would remove"}


@app.command()
@guarded
def deploy(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Default: configs/schedules/prefect.yaml of the program.")
    ] = None,
    workspace: Annotated[
        Path | None,
        typer.Option(parser=named_folder, metavar="PATH", help="The workspace of all deployments, not the file's."),
    ] = None,
    config: Annotated[
        Path | None, typer.Option(help="Your configuration, which has `sources:`. It also names the workspace.")
    ] = None,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove what an earlier `v2xum deploy` set up and the file has no more.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, and change nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Set up deployments, limits and automations on the Prefect server at PREFECT_API_URL; twice changes nothing.

    Call it in the folder in which runs shall work, on the machine of the worker: paths are relative to it.
    """
    from flows.local.deploying.deploy import deploy as deploy_file
    from flows.local.deploying.file import DEFAULT, read_file
    from flows.local.deploying.wanted import with_places

    path = file or DEFAULT
    if workspace is None and config is not None:
        workspace = Path(shown_path(run_folder(None, load_config(config))))
    read = with_places(read_file(path), *(None if each is None else str(each) for each in (workspace, config)))
    report = deploy_file(read, shown_path(path), Path.cwd(), prune=prune, dry_run=dry_run)
    if as_json:
        print_json(report)
    else:
        _print(report)


def _print(report: DeployReport) -> None:
    for each in report.changes:
        word = _WOULD.get(each.action, each.action) if report.dry_run else each.action
        if each.action == "left":
            note(f"{each.kind} {each.name} is in the file no more: --prune removes it")
            continue
        fields = f": {', '.join(each.fields)}" if each.fields else ""
        sys.stdout.write(f"{word:13} {each.kind:11} {plain(each.name)}{fields}\n")
    for text in report.notes:
        note(text)
    made = sum(each.action != "left" for each in report.changes)
    told = number_of(made, "change") if made else "nothing changed"
    if report.dry_run and made:
        told = f"{told} to make; nothing was changed"
    sys.stdout.write(f"{told} at {plain(report.server, 300)}, by {plain(report.file, 300)}\n")
