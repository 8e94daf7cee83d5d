"""`v2xum bench`: the repository's benchmarks, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from flows.cli.app import JsonOption, app, guarded
from schemas.errors import ConfigError
from schemas.repository import ROOT


class Benchmark(StrEnum):
    """The benchmarks of the repository, which `benchmarks/__main__.py` runs by these names."""

    start = "start"
    serving = "serving"
    frames = "frames"
    ledger = "ledger"
    orchestration = "orchestration"
    memory = "memory"
    video_metrics = "video_metrics"
    text_metrics = "text_metrics"
    crossmodal = "crossmodal"
    uncertainty = "uncertainty"
    review = "review"
    protocols = "protocols"
    kills = "kills"
    audit = "audit"
    smollm2 = "smollm2"
    splits = "splits"
    v2xum_step = "v2xum_step"
    publish = "publish"
    publish_kills = "publish_kills"


WITH_OPTIONS = (
    *(Benchmark.serving, Benchmark.frames, Benchmark.review, Benchmark.protocols),
    *(Benchmark.kills, Benchmark.audit, Benchmark.smollm2, Benchmark.splits),
    *(Benchmark.publish, Benchmark.publish_kills, Benchmark.v2xum_step),
)


class _PassesHelp(TyperCommand):
    """Passes `--help` to a benchmark that has options of its own."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] in WITH_OPTIONS and "--help" in args[1:]:
            ctx.help_option_names = []  # `--help` is then an unknown option, and these are passed on
        return super().parse_args(ctx, args)


@app.command(cls=_PassesHelp, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
@guarded
def bench(
    context: typer.Context,
    name: Annotated[
        Benchmark,
        typer.Argument(help="The benchmark to run. Some have options of their own: add `--help` to see them."),
    ],
    as_json: JsonOption = False,
) -> None:
    """Measure speed against a named baseline in the same minutes. It takes minutes; ratios count, not seconds."""
    if not (ROOT / "benchmarks").is_dir():
        raise ConfigError("the benchmarks are part of the repository only: run this from a checkout")
    # The benchmark runs in the repository's folder, so relative paths of this folder become absolute.
    options = [str(Path(part).resolve()) if os.sep in part and Path(part).exists() else part for part in context.args]
    command = [sys.executable, "-m", "benchmarks", name.value, *(["--json"] if as_json else []), *options]
    done = subprocess.run(command, cwd=ROOT, check=False)
    if done.returncode:
        raise typer.Exit(done.returncode)
