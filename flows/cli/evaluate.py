"""`v2xum evaluate` scores predictions against references; `v2xum evaluate compare` compares two systems."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from flows.cli.app import JsonOption, app, fail, guarded, named_folder, print_json_text
from flows.cli.printing.print_evaluation import print_comparison, print_evaluation
from schemas.safe_text import plain


class _RunByDefault(TyperGroup):
    """`v2xum evaluate PREDICTIONS ...` is `v2xum evaluate run PREDICTIONS ...`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands:
            args = ["run", *args]
        return super().parse_args(ctx, args)


evaluate = typer.Typer(cls=_RunByDefault, no_args_is_help=True, add_completion=False)
app.add_typer(evaluate, name="evaluate", help="Score summaries against references, with intervals and baselines.")


@evaluate.command()
@guarded
def run(
    predictions: Annotated[
        list[str],
        typer.Argument(
            help="NAME=PATH: a file of predictions, or a release. The same NAME again: another run of the system. "
            "PATH:PATH: parts of one run, such as folds."
        ),
    ],
    references: Annotated[
        list[Path],
        typer.Option(
            help="A release, workspace, Instruct-V2Xum / VideoXum / ActivityNet file, TVSum or SumMe, eccv16 HDF5. "
            "Again: more files of the same dataset."
        ),
    ],
    protocol: Annotated[
        str | None,
        typer.Option(
            help="The protocol, which decides what the numbers mean. Default: by the references. +mean-f1, +max-f1 and "
            "+raw-vt after its name are variants."
        ),
    ] = None,
    split: Annotated[list[str] | None, typer.Option(help="Only videos of this split of the references.")] = None,
    splits: Annotated[
        str | None, typer.Option(help="A published file of folds, or `proper`: only videos of test parts count.")
    ] = None,
    fold: Annotated[int | None, typer.Option(min=0, help="With --splits: only this fold, from 0.")] = None,
    out: Annotated[
        Path,
        typer.Option(
            parser=named_folder, metavar="PATH", help="The folder for evaluation.json, .md, .tex and report.html."
        ),
    ] = Path("evaluation"),
    clip: Annotated[
        str | None, typer.Option(help="The CLIP of the cross-modal metrics: folder, hub id or ARCHITECTURE:PRETRAINED.")
    ] = None,
    pictures: Annotated[Path | None, typer.Option(help="Frame pictures: a workspace, or files ID/000012.jpg.")] = None,
    no_text: Annotated[bool, typer.Option("--no-text", help="Leave out the text metrics, which need Java.")] = False,
    by: Annotated[str | None, typer.Option(help="The metric by which the page chooses worst and best videos.")] = None,
    max_failed: Annotated[
        float, typer.Option(min=0, max=1, help="Exit code 3 when a larger share of a system's predictions failed.")
    ] = 0.05,
    seed: Annotated[int, typer.Option(min=0, help="The seed of resamples, random scores and proper folds.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Score summaries. `v2xum evaluate compare A.json B.json` compares two results."""
    from evaluation.counted import failed_share  # imports numpy and scipy, which other commands do not need
    from evaluation.report.write import PageFailed
    from evaluation.request import EvaluateRequest, evaluate_here

    request = EvaluateRequest(
        predictions=tuple(predictions),
        references=tuple(references),
        protocol=protocol,
        split=tuple(split or ()),
        splits=splits,
        fold=fold,
        out=out,
        clip=clip,
        pictures=pictures,
        text=not no_text,
        by=by,
        seed=seed,
    )
    page: Path | None = None
    trouble = ""
    try:
        evaluated, page = evaluate_here(request)
    except PageFailed as error:
        evaluated, trouble = error.evaluated, str(error)
    if as_json:
        print_json_text(evaluated.evaluation.model_dump_json())
    else:
        print_evaluation(evaluated.evaluation)
        if page is not None:
            sys.stdout.write(f"\nreport    {plain(str(page), 2000)}\n")
    if trouble:
        fail(trouble, 1)
    if (share := failed_share(evaluated.evaluation)) > max_failed:
        sys.stderr.write(
            f"v2xum: {share:.1%} of the predictions could not be scored and count as worst, more than --max-failed "
            f"{max_failed:.1%}\n"
        )
        raise typer.Exit(3)


@evaluate.command()
@guarded
def compare(
    first: Annotated[Path, typer.Argument(help="evaluation.json of one system.")],
    second: Annotated[Path, typer.Argument(help="evaluation.json of the other system; may be the same file.")],
    first_system: Annotated[
        str | None, typer.Option("--first", help="The first system's name, where the file has several systems.")
    ] = None,
    second_system: Annotated[str | None, typer.Option("--second", help="The second system's name.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The seed of resamples and exchanges.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            parser=named_folder, metavar="PATH", help="Also write comparison.json, .md and .tex into this folder."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two systems on their common videos, with paired intervals and tests, under one protocol only."""
    from evaluation.compare import compare as compare_evaluations
    from evaluation.compare import read_evaluation
    from evaluation.metrics.text_sums import CORPUS
    from evaluation.report.write import refuse_unusable, write_comparison

    if out is not None:
        refuse_unusable(out)
    comparison = compare_evaluations(
        read_evaluation(first),
        read_evaluation(second),
        first_system=first_system,
        second_system=second_system,
        corpus=CORPUS,
        seed=seed,
    )
    if out is not None:
        write_comparison(out, comparison)
    if as_json:
        print_json_text(comparison.model_dump_json())
    else:
        print_comparison(comparison)
