"""`v2xum bench`: the repository's benchmarks, each in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flows.cli import JsonOption, app, guarded
from schemas.errors import ConfigError

_ROOT = Path(__file__).parent.parent


class Benchmark(StrEnum):
    """What can be measured."""

    serving = "serving"
    frames = "frames"
    ledger = "ledger"
    orchestration = "orchestration"


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
@guarded
def bench(
    context: typer.Context,
    name: Annotated[Benchmark, typer.Argument(help="What to measure; `--help` after the name lists its options.")],
    as_json: JsonOption = False,
) -> None:
    """Measure speed against a named baseline in the same minutes (takes minutes; ratios count, not seconds)."""
    if not (_ROOT / "benchmarks").is_dir():
        raise ConfigError("the benchmarks lie in the repository only: run this from a checkout")
    command = [sys.executable, "-m", "benchmarks", name.value, *(["--json"] if as_json else []), *context.args]
    done = subprocess.run(command, cwd=_ROOT, check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)
