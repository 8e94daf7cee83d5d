"""Evaluations and comparisons as GitHub-flavoured Markdown. All names and reasons are escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evaluation.report.captions import caption, comparison_caption
from evaluation.report.tables import (
    COMPARISON_HEADERS,
    COUNTED,
    KINDS,
    Row,
    Table,
    comparison_rows,
    exclusions_of,
    problems_of,
    tables_of,
)
from pages.markdown import escape_markdown
from schemas.documents.comparison import Comparison
from schemas.documents.evaluation import Evaluation

_MOST_ROWS = 50


def markdown(evaluation: Evaluation) -> str:
    """One table for each family of metrics, the caption, exclusions and problems (at most 50), and the provenance."""
    made = evaluation.provenance
    parts = [f"# {escape_markdown(made.protocol)} on {escape_markdown(made.references)}"]
    for table in tables_of(evaluation):
        parts += [f"## {escape_markdown(table.title)}", _results(table)]
    parts.append(escape_markdown(caption(evaluation)))
    if any(table.baselines for table in tables_of(evaluation)):
        parts.append("Rows in italics are not systems. They show how to judge the numbers of this protocol.")
    excluded = exclusions_of(evaluation)
    if excluded:
        rows = [[each.system, each.metric, each.reason, f"{each.videos:,}"] for each in excluded]
        parts += ["## Without a value", _grid(("System", "Metric", "Reason", "Videos"), rows, "lllr")]
    if evaluation.problems:
        problems = [[p.id, p.reason, p.detail, COUNTED[p.counted]] for p in problems_of(evaluation)]
        parts += ["## Problems", _grid(("Video", "Reason", "Detail", "Counted"), problems, "llll")]
    parts += ["## Provenance", _grid(("What", "Value"), provenance_rows(evaluation), "ll", most=None)]
    return "\n\n".join(parts) + "\n"


def comparison_markdown(comparison: Comparison) -> str:
    """The table of differences between two systems, with its caption."""
    title = f"# {escape_markdown(comparison.second)} against {escape_markdown(comparison.first)}"
    table = _grid(COMPARISON_HEADERS, comparison_rows(comparison.metrics), "lrrrrrrrr", most=None)
    return f"{title}\n\n{table}\n\n{escape_markdown(comparison_caption(comparison))}\n"


def provenance_rows(evaluation: Evaluation) -> list[list[str]]:
    """Everything that the numbers depend on, as rows of name and value."""
    made = evaluation.provenance
    rows: list[list[str]] = []
    for name, value in made.model_dump().items():
        if isinstance(value, dict):
            rows += [[f"{name}: {key}", "not stated" if part is None else str(part)] for key, part in value.items()]
        else:
            rows.append([name, "not stated" if value is None else str(value)])
    rows += [[f"count: {name}", f"{count:,}"] for name, count in evaluation.counts.items()]
    return [*rows, ["version of this document", str(evaluation.version)]]


def _results(table: Table) -> str:
    heads = ["System"]
    for name, *more in table.headers:
        said = ", ".join(filter(None, more))
        heads.append(f"{name} ({said})" if said else name)
    rows = [_line(heads), "|---|" + "---:|" * len(table.headers)]
    rows += [_line_of(row) for row in (*table.systems, *table.baselines)]
    return "\n".join(rows)


def _line_of(row: Row) -> str:
    name = escape_markdown(row.name)
    if row.kind != "system":
        name = f"*{name} ({KINDS[row.kind]})*"
    cells = [name]
    for cell in row.cells:
        value = f"**{cell.value}**" if cell.best else cell.value
        cells.append(" ".join(filter(None, [value, *map(escape_markdown, (cell.interval, cell.videos, cell.note))])))
    return "| " + " | ".join(cells) + " |"


def _grid(headers: Sequence[str], rows: Iterable[Sequence[str]], sides: str, most: int | None = _MOST_ROWS) -> str:
    listed = list(rows)
    lines = [_line(headers), "|" + "|".join("---:" if side == "r" else "---" for side in sides) + "|"]
    lines += [_line(row) for row in listed[:most]]
    if most is not None and len(listed) > most:
        lines += ["", f"and {len(listed) - most:,} more, in the JSON document"]
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(map(escape_markdown, cells)) + " |"
