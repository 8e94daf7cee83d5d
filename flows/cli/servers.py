"""The commands `v2xum serve` (start a model's server) and `v2xum doctor` (check what a run needs)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import JsonOption, RunFolderOption, app, guarded, run_folder
from flows.local.model_server_command import ROLES, Engine, run_command, serve_command
from schemas.configuration.loading import load_config

ConfigArgument = Annotated[Path, typer.Argument(help="The run's YAML file.")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="Override a key: a.b=value.")]


@app.command()
@guarded
def serve(
    role: Annotated[str, typer.Argument(help=f"The model that the server is for: {ROLES}.")],
    config: ConfigArgument,
    engine: Annotated[
        Engine, typer.Option(help="vllm; or faults, a server with injected faults for a dry run.")
    ] = "vllm",
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Default: the port of base_urls[0].")] = None,
    run: Annotated[bool, typer.Option("--run", help="Start the server; do not print its command.")] = False,
    set_: SetOption = None,
) -> None:
    """Print (or run) the command that starts the server of a configured captioner or language model."""
    command = serve_command(load_config(config, set_ or ()), role, engine, port)
    for note in command.notes:
        sys.stderr.write(f"v2xum: note: {note}\n")
    if run:
        run_command(command)
    sys.stdout.write(command.text() + "\n")


@app.command()
@guarded
def doctor(
    config: ConfigArgument,
    workspace: RunFolderOption = None,
    as_json: JsonOption = False,
    set_: SetOption = None,
) -> None:
    """Check what a run needs (decoder, tools, disk, memory, models, servers), and print a fix for each fault."""
    from flows.cli.doctor import examine

    resolved = load_config(config, set_ or ())
    if not examine(resolved, config, run_folder(workspace, resolved), as_json):
        raise typer.Exit(1)
