"""The training demo, which `make demo-train` runs: from rendered films to three trained and evaluated summarizers."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from curation.store.files import write_whole
from flows.cli.app import guarded, shown_path
from flows.cli.main import calm_threads, write_any_text
from schemas.repository import KEPT

if TYPE_CHECKING:  # heavy modules are imported when they are used
    from flows.local.demo_training import Wanted


def main() -> None:
    """Run it. The exit code is 0 when there are results at the end; the same command goes on after a stop."""
    calm_threads()
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--folder", type=Path, default=KEPT / "demo-train", help="for all files")
    parser.add_argument("--films", type=int, default=120, help="the number of films to render")
    parser.add_argument("--page", type=Path, help="also write the page of the results, with the JSON beside it")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    write_any_text()
    try:
        guarded(run)(arguments.folder.resolve(), arguments.films, arguments.page)
    except typer.Exit as end:
        sys.exit(end.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("v2xum: interrupted; the same command goes on\n")
        sys.exit(130)


def run(folder: Path, films: int, page: Path | None) -> None:
    """Make so many films, and what is missing of the rest, below `folder`; see `make`. Raises ConfigError."""
    from flows.local.demo_training import Wanted

    make(Wanted(folder, films), page, Console())


def make(wanted: Wanted, page: Path | None, console: Console) -> None:
    """Make what is missing, print the evaluation and the goals, and write the page if one is named."""
    from evaluation.compare import read_evaluation
    from evaluation.report.beside_published import goals, training_page
    from flows.cli.printing.print_evaluation import print_evaluation
    from flows.local.demo_training import KINDS, STEPS, DemoTraining

    def begin(step: str) -> None:
        console.rule(f"{STEPS.index(step) + 1}. {step}")

    folder = wanted.folder
    path = DemoTraining(wanted, begin).run()
    results = json.loads(path.read_text(encoding="utf-8"))
    print_evaluation(read_evaluation(folder / "evaluation" / "evaluation.json"), console)
    console.rule("Goals")
    for goal in goals(results):
        note = f": {goal.note}" if goal.note and not goal.reached else ""
        console.print(
            f"{'yes' if goal.reached else 'NO':4}{goal.wanted}: {goal.measured}{note}", highlight=False, markup=False
        )
    console.print(
        f"\nThe ceiling of Kendall's tau for distinct scores is {results['kendall_ceiling']:.3f} on these films.\n"
        f"Models      {', '.join(shown_path(folder / kind / 'model') for kind in KINDS)}\n"
        f"Evaluation  {shown_path(folder / 'evaluation' / 'report.html')}\nResults     {shown_path(path)}\n"
        f"One film    v2xum summarize {shown_path(folder / 'films' / 'film-0000.mp4')} --model "
        f"{shown_path(folder / 'v2xum' / 'model')} --out {shown_path(folder / 'summary')}\n"
        f"All steps took {results['seconds']['all']:.0f} s.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    if page is not None:
        write_whole(page.with_suffix(".json"), json.dumps(results, indent=1) + "\n")
        write_whole(page, training_page(results))


if __name__ == "__main__":
    main()
