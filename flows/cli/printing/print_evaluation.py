"""Prints an evaluation or a comparison on a terminal: the tables, their caption, and the first problems."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from schemas.documents.comparison import Comparison
from schemas.documents.evaluation import Evaluation
from schemas.errors import ConfigError
from schemas.safe_text import plain

if TYPE_CHECKING:  # numpy is loaded where an evaluation is printed, not where a command starts
    from evaluation.report.tables import Cell, Table

MOST_PROBLEMS = 12
_NAME = 24  # columns of the terminal for a system's name, which goes on in the next line


def print_evaluation(evaluation: Evaluation, console: Console | None = None) -> None:
    """Print the tables, their caption, and the first problems."""
    from evaluation.report.captions import caption
    from evaluation.report.tables import KINDS, problems_of, tables_of

    console = console or Console(highlight=False)
    for made in tables_of(evaluation):
        for place, columns in enumerate(_fitting(made, console.width)):
            title = plain(made.title) + (", continued" if place else "")
            table = RichTable(show_edge=False, pad_edge=False, title=title, title_justify="left")
            table.add_column("", overflow="fold", max_width=_NAME)
            for column in columns:
                table.add_column(_header(made, column), justify="right", no_wrap=True)
            for row in (*made.systems, *made.baselines):
                cells = [_cell(row.cells[column]) for column in columns]
                kind = "" if row.kind == "system" else "italic"
                table.add_row(Text(plain(row.name or KINDS[row.kind]), kind), *cells)
            console.print(table)
            console.print()
    console.print(Text(plain(caption(evaluation), 4000)))
    for problem in problems_of(evaluation)[:MOST_PROBLEMS]:
        console.print(Text(plain(f"{problem.id}  {problem.reason}: {problem.detail}", 300)), soft_wrap=True)
    if (more := len(evaluation.problems) - MOST_PROBLEMS) > 0:
        console.print(f"… and {more} more problems, in the report")


def _header(table: Table, column: int) -> Text:
    name, _, videos = table.headers[column]
    return Text("\n".join(filter(None, (plain(name), videos))))


def _cell(cell: Cell) -> Text:
    return Text("\n".join(filter(None, (cell.value, cell.interval, cell.videos))), "bold" if cell.best else "")


def _fitting(table: Table, width: int) -> list[list[int]]:
    """The columns of a table in groups, each of which fits the terminal beside the names; one column fits always."""
    rows = (*table.systems, *table.baselines)
    names = min(_NAME, max((len(plain(row.name)) for row in rows), default=0))
    groups: list[list[int]] = []
    room = 0
    for column in range(len(table.headers)):
        texts = [_header(table, column), *(_cell(row.cells[column]) for row in rows)]
        wide = max(len(line) for text in texts for line in text.plain.split("\n")) + 3  # a line between two spaces
        if not groups or wide > room:
            groups.append([])
            room = width - names
        groups[-1].append(column)
        room -= wide
    return groups


def print_comparison(comparison: Comparison, console: Console | None = None) -> None:
    """Print the table of differences and its caption."""
    from evaluation.report.captions import comparison_caption
    from evaluation.report.tables import NONE, comparison_rows

    console = console or Console(highlight=False)
    if not comparison.metrics:
        raise ConfigError("the two systems have no metric in common")
    table = RichTable(show_edge=False, pad_edge=False)
    table.add_column("", no_wrap=True)
    for name in (comparison.first, comparison.second):
        table.add_column(plain(name, 40), justify="right", overflow="fold", min_width=6)
    for name in ("difference", "p (Holm)", "won/tied/lost"):
        table.add_column(name, justify="right", no_wrap=True)
    for metric, left, right, difference, interval, _, p, wins, _ in comparison_rows(comparison.metrics):
        if difference != NONE:  # the caption names the metrics without a value, with the reason
            cells = (metric, left, right, f"{difference}\n{interval}" if interval != NONE else difference, p, wins)
            table.add_row(*(Text("\n".join(plain(line) for line in cell.split("\n"))) for cell in cells))
    if table.row_count:
        console.print(table)
    console.print(Text(plain(comparison_caption(comparison), 4000)))
