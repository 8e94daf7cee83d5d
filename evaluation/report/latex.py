r"""Evaluations and comparisons as LaTeX tables, for \usepackage{booktabs} and \usepackage[T1]{fontenc}.

All text is escaped. Letters that pdfLaTeX does not know are written as [U+4E16]; `unicode=True` keeps them, for XeLaTeX
or LuaLaTeX and a font that has them.
"""

from __future__ import annotations

from typing import Literal

from evaluation.report.captions import caption, comparison_caption
from evaluation.report.tables import (
    COMPARISON_HEADERS,
    KINDS,
    NONE,
    Cell,
    Row,
    Table,
    comparison_rows,
    tables_of,
)
from schemas.documents.comparison import Comparison
from schemas.documents.evaluation import Evaluation
from schemas.safe_text import plain_line

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\symbol{34}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    # After a line break these characters would begin the argument of the line break.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "τ": r"$\tau$",
    "ρ": r"$\rho$",
    "–": "--",
}
_KNOWN_TO_PDFLATEX = 0x17F  # Latin letters with marks, by the kernel's UTF-8 support
_UNKNOWN_LATIN = frozenset("ħĦĸŀĿŉŧŦſ¤¦¨¬¯²³´¸¹¼½¾µ\xa0\xad")
Intervals = Literal["below", "brackets", "subscript"]


def escape_latex(text: str, unicode: bool = False) -> str:
    """Hostile text as LaTeX that shows `plain_line(text)` on one line and does nothing else, also in a table cell."""
    out: list[str] = []
    for character in plain_line(text):
        if character in "-–" and out and out[-1].endswith("-"):
            out.append("{}")  # two hyphens together would become another dash
        if character in _SPECIAL:
            out.append(_SPECIAL[character])
        elif (
            unicode
            or " " <= character <= "~"
            or ("\xa1" <= character <= chr(_KNOWN_TO_PDFLATEX) and character not in _UNKNOWN_LATIN)
        ):
            out.append(character)
        else:
            out.append(f"{{[}}U+{ord(character):04X}{{]}}")
    return "".join(out)


def latex(
    evaluation: Evaluation, *, intervals: Intervals = "below", unicode: bool = False, label: str = "tab:results"
) -> str:
    """One table for each family of metrics. Baselines stand below a rule. The best of several systems is bold where all
    have a value for the same videos.

    `intervals`: on a line of their own below the value, in brackets after the value, or as its subscript; the last two
    need wide pages. The caption names protocol, data, number of videos, intervals, exclusions and the CLIP.
    """
    caption_text = escape_latex(caption(evaluation), unicode)
    tables = tables_of(evaluation)
    return "\n".join(
        _table(table, caption_text, intervals, unicode, label if len(tables) == 1 else f"{label}-{i}")
        for i, table in enumerate(tables, 1)
    )


def comparison_latex(comparison: Comparison, *, unicode: bool = False, label: str = "tab:comparison") -> str:
    """The table of differences between two systems."""
    heads = [escape_latex(head, unicode) for head in COMPARISON_HEADERS]
    rows = [[escape_latex(cell, unicode) for cell in row] for row in comparison_rows(comparison.metrics)]
    body = [" & ".join(heads) + r" \\", r"\midrule", *(" & ".join(row) + r" \\" for row in rows)]
    return _float("l" + "r" * (len(heads) - 1), body, escape_latex(comparison_caption(comparison), unicode), label)


def _table(table: Table, caption_text: str, intervals: Intervals, unicode: bool, label: str) -> str:
    names = [escape_latex(name, unicode) for name, _, _ in table.headers]
    said = [escape_latex(", ".join(filter(None, more)), unicode) for _, *more in table.headers]
    units = [rf"{{\scriptsize {text}}}" if text else "" for text in said]
    body = [" & ".join(["System", *names]) + r" \\", " & ".join(["", *units]) + r" \\", r"\midrule"]
    body += [line for row in table.systems for line in _lines(row, intervals, unicode)]
    if table.systems and table.baselines:
        body.append(r"\midrule")
    body += [line for row in table.baselines for line in _lines(row, intervals, unicode)]
    return _float("l" + "r" * len(names), body, f"{escape_latex(table.title, unicode)}. {caption_text}", label)


def _float(columns: str, body: list[str], caption_text: str, label: str) -> str:
    lines = [
        r"\begin{table}[t]",
        r"\centering",
        r"\footnotesize",
        r"\setlength{\tabcolsep}{4pt}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        rf"\caption{{{caption_text}}}",
        rf"\label{{{_safe_label(label)}}}",
        r"\end{table}",
        "",
    ]
    return "\n".join(lines)


def _safe_label(label: str) -> str:
    return "".join(c for c in label if c.isascii() and (c.isalnum() or c in ":-.")) or "tab:results"


def _lines(row: Row, intervals: Intervals, unicode: bool) -> list[str]:
    """One line of the table, or two where intervals have a line of their own. Baselines are in italics."""
    name = escape_latex(row.name, unicode)
    note = "" if row.kind == "system" else rf"{{\scriptsize ({KINDS[row.kind]})}}"
    name = name if row.kind == "system" else rf"\emph{{{name}}}"
    if intervals != "below":
        return [" & ".join([f"{name} {note}".strip(), *(_cell(cell, intervals) for cell in row.cells)]) + r" \\"]
    below = [rf"{{\scriptsize {_minus(cell.interval)}}}" if cell.interval else "" for cell in row.cells]
    counts = [rf"{{\scriptsize {cell.videos}}}" if cell.videos else "" for cell in row.cells]
    lines = [[name, *(_value(cell) for cell in row.cells)], [note, *below], *([["", *counts]] if any(counts) else [])]
    ends = [r" \\"] * (len(lines) - 1) + [r" \\[2pt]"]
    return [" & ".join(line) + end for line, end in zip(lines, ends, strict=True)]


def _cell(cell: Cell, intervals: Intervals) -> str:
    inner = _minus(cell.interval).removeprefix("[").removesuffix("]")
    count = rf" {{\scriptsize {cell.videos}}}" if cell.videos else ""
    if not inner:
        return _value(cell) + count
    if intervals == "subscript":
        return rf"{_value(cell)}\textsubscript{{{inner}}}{count}"
    return rf"{_value(cell)} {{\scriptsize [{inner}]}}{count}"


def _value(cell: Cell) -> str:
    if cell.value == NONE:
        return "--"
    return rf"\textbf{{{_minus(cell.value)}}}" if cell.best else _minus(cell.value)


def _minus(text: str) -> str:
    return text.replace("-", "$-$")
