"""The command `v2xum train`: a release becomes a checkpoint, an evaluation and a model card."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.app import JsonOption, SetOption, app, guarded, print_json, shown_path
from schemas.errors import ConfigError, Interrupted
from schemas.kit.number_of import number_of
from schemas.safe_text import plain

if TYPE_CHECKING:  # heavy modules are imported by the command that needs them
    from training.run import DryRun


@app.command()
@guarded
def train(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="A file such as those in configs/train.")],
    out: Annotated[Path, typer.Option(help="The folder for features, checkpoints, the model and its evaluation.")],
    release: Annotated[
        Path | None, typer.Option(help="The folder of a release: WORKSPACE/releases/VERSION, or a copy.")
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option(
            help="In place of a release: VideoXum, TVSum, SumMe, eccv16, as `v2xum evaluate --references` has them. "
            "Again: more files of the same dataset. A release beside it gives captions to its videos."
        ),
    ] = None,
    media: Annotated[
        Path | None,
        typer.Option(
            help="The videos: of a release in no workspace (`v2xum media`), or ID.mp4 of each video of --data."
        ),
    ] = None,
    splits: Annotated[
        str | None,
        typer.Option(help="With --data: a published file of folds, or `proper`, as TVSum and SumMe have it."),
    ] = None,
    fold: Annotated[int, typer.Option(min=0, help="With folds: the one to train and to test, from 0.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last finished checkpoint in OUT.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Train a few steps on the longest videos, and print memory and time.")
    ] = False,
    rows: Annotated[
        Path | None,
        typer.Option(
            help="A file of configs/train/ablations: trains CONFIG once for each of its rows, and compares them."
        ),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(help="With --rows: write the tables beside the published ones as Markdown, the figures as JSON."),
    ] = None,
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a summarizer on a release, evaluate it on the test split, and write its checkpoint and card into OUT."""
    from flows.cli.printing.train_lines import TrainLines
    from flows.local.signals import stoppable
    from flows.train_steps import open_training, train_here
    from schemas.configuration.loading import load_train_config
    from training.run import Hooks, TrainRequest

    stop = threading.Event()

    def raise_if_stopped() -> None:
        if stop.is_set():
            raise Interrupted("stopped after a checkpoint; the same command with --resume goes on from here")

    if rows is None and page is not None:
        raise ConfigError("--page writes what --rows compares: name a file of configs/train/ablations by --rows")
    if rows is not None and (dry_run or as_json):
        raise ConfigError("--rows takes neither --dry-run nor --json: try CONFIG alone; --page writes a JSON file too")
    settings = load_train_config(config, overrides or ())
    request = TrainRequest(
        config=settings,
        release=release,
        files=tuple(data or ()),
        splits=splits,
        fold=fold,
        out=out,
        media=media,
        resume=resume,
    )
    lines = TrainLines()
    hooks = Hooks(raise_if_stopped, lines.video, lines.step)
    if rows is not None:
        from flows.local.ablations import Wanted, read_rows, train_rows, write_page

        def say(row: str) -> None:
            sys.stderr.write(f"row {plain(row)}\n")

        wanted = Wanted(config, read_rows(rows), overrides or (), request)
        results = stoppable(lambda: train_rows(wanted, say, hooks), stop)
        sys.stdout.write(f"{write_page(page or out / 'ablations.md', results)}\n")
        return
    if dry_run:
        _print_dry_run(stoppable(lambda: open_training(request).dry_run(hooks), stop), as_json)
        return
    trained = stoppable(lambda: train_here(request, hooks), stop)
    if as_json:
        print_json(trained.evaluation)
        return
    from flows.cli.printing.print_evaluation import print_evaluation

    print_evaluation(trained.evaluation)
    fit = trained.fit
    sys.stdout.write(
        f"\nmodel     {shown_path(fit.model)} (step {fit.best_step} of {fit.steps}, {fit.seconds:,.0f} s of training)\n"
        f"report    {shown_path(trained.page)}\nresults   {shown_path(trained.results)}\n"
    )


def _print_dry_run(found: DryRun, as_json: bool) -> None:
    probe, sources = found.probe, found.sources
    videos = sum(sources.values())
    if as_json:
        more = {"videos": videos, "sources": sources, "videos_without_features": found.missing}
        print_json({**probe._asdict(), **more})
        return
    told = ", ".join(f"{count:,} {source}" for source, count in sources.items())
    sys.stdout.write(
        f"rows        {number_of(videos, 'video')} to learn from: {told}\n"
        f"parameters  {probe.parameters:,}, {probe.trained_parameters:,} of them are trained\n"
        f"time        {probe.steps:,} steps of {probe.seconds_a_step:.2f} s: {probe.seconds / 3600:,.2f} h at most\n"
        f"memory      {probe.memory / 1e9:,.2f} GB (peak of the {probe.memory_of}, on the longest videos)\n"
        f"disk        {probe.disk / 1e9:,.2f} GB of checkpoints\n"
        f"features    {number_of(found.missing, 'video')} without vectors\n"
    )
