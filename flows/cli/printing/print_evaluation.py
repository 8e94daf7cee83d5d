"""Prints an evaluation or a comparison on a terminal: the tables, their caption, and the first problems."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from schemas.documents.comparison import Comparison
from schemas.documents.evaluation import Evaluation
from schemas.errors import ConfigError
from schemas.safe_text import plain

MOST_PROBLEMS = 12


def print_evaluation(evaluation: Evaluation, console: Console | None = None) -> None:
    """Print the tables, their caption, and the first problems."""
    from evaluation.report.tables import KINDS, caption, tables_of

    console = console or Console(highlight=False)
    for made in tables_of(evaluation):
        table = RichTable(show_edge=False, pad_edge=False, title=plain(made.title), title_justify="left")
        table.add_column("")
        for name, _ in made.headers:
            table.add_column(plain(name), justify="right")
        for row in (*made.systems, *made.baselines):
            cells = [
                Text(f"{cell.value}\n{cell.interval}" if cell.interval else cell.value, "bold" if cell.best else "")
                for cell in row.cells
            ]
            kind = "" if row.kind == "system" else "italic"
            table.add_row(Text(plain(row.name or KINDS[row.kind]), kind), *cells)
        console.print(table)
        console.print()
    console.print(Text(plain(caption(evaluation), 4000)))
    for problem in evaluation.problems[:MOST_PROBLEMS]:
        console.print(Text(plain(f"{problem.id}  {problem.reason}: {problem.detail}", 300)), soft_wrap=True)
    if (more := len(evaluation.problems) - MOST_PROBLEMS) > 0:
        console.print(f"… and {more} more problems, in the report")


def print_comparison(comparison: Comparison, console: Console | None = None) -> None:
    """Print the table of differences and its caption."""
    from evaluation.report.tables import comparison_caption, comparison_rows

    console = console or Console(highlight=False)
    if not comparison.metrics:
        raise ConfigError("the two systems have no metric in common")
    table = RichTable(show_edge=False, pad_edge=False)
    for name in (
        "",
        plain(comparison.first, 20),
        plain(comparison.second, 20),
        "difference",
        "p (Holm)",
        "won/tied/lost",
    ):
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    for metric, left, right, difference, interval, _, p, wins, _ in comparison_rows(comparison.metrics):
        cells = (metric, left, right, f"{difference}\n{interval}", p, wins)
        table.add_row(*(Text("\n".join(plain(line) for line in cell.split("\n"))) for cell in cells))
    console.print(table)
    console.print(Text(plain(comparison_caption(comparison), 4000)))
