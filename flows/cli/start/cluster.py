"""`v2xum cluster`: what to run on several machines."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.cli.app import app, guarded
from flows.local.cluster_commands import Kind, cluster_commands
from schemas.configuration.loading import load_config


@app.command()
@guarded
def cluster(
    config: Annotated[Path, typer.Argument(help="The run's YAML file.")],
    on: Annotated[Kind, typer.Option("--on", help="Bare nodes, a batch job of Slurm, or Kubernetes.")] = "ssh",
    image: Annotated[str, typer.Option(help="The container of the nodes, for kuberay.")] = "v2xum-curator",
    set_: Annotated[list[str] | None, typer.Option("--set", help="Override a key: a.b=value.")] = None,
) -> None:
    """Print what to run on every node, so that they curate together; nothing is started."""
    settings = set_ or ()
    sys.stdout.write(cluster_commands(load_config(config, settings), config, on, settings, image))
