"""`v2xum serve` and `v2xum doctor`: the servers of a configuration's models, and whether everything is there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import JsonOption, app, guarded
from flows.local.model_server_command import Engine, Role, run_command, serve_command
from schemas.loading import load_config

ConfigArgument = Annotated[Path, typer.Argument(help="The run's YAML file.")]
SetOption = Annotated[list[str] | None, typer.Option("--set", help="Override a key: a.b=value.")]


@app.command()
@guarded
def serve(
    role: Annotated[Role, typer.Argument(help="Whose server.")],
    config: ConfigArgument,
    engine: Annotated[Engine, typer.Option(help="vllm, or a server that injects faults, for a dry run.")] = "vllm",
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="The port of base_urls[0] when left out.")] = None,
    run: Annotated[bool, typer.Option("--run", help="Start the server instead of printing its command.")] = False,
    set_: SetOption = None,
) -> None:
    """Print (or run) the command that starts the server of the configured captioner or summarizer."""
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
    workspace: Annotated[
        Path | None, typer.Option(help="The folder that the run will work in; data/runs/NAME when left out.")
    ] = None,
    as_json: JsonOption = False,
    set_: SetOption = None,
) -> None:
    """Check everything that a run needs (decoder, tools, disk, memory, models, servers) and say what to do."""
    from flows.cli.doctor import examine

    resolved = load_config(config, set_ or ())
    if not examine(resolved, config, workspace or Path("data/runs") / resolved.name, as_json):
        raise typer.Exit(1)
