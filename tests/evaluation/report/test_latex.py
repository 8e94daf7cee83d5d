from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evaluation.compare import compare
from evaluation.report.latex import comparison_latex, escape_latex, latex
from schemas.safe_text import plain_line
from tests.evaluation.evaluations import HOSTILE, ROWS, evaluation, hostile_evaluation

COMMANDS = {
    "textbackslash{}": "\\",
    "textasciicircum{}": "^",
    "textasciitilde{}": "~",
    "textless{}": "<",
    "textgreater{}": ">",
    "textbar{}": "|",
    "symbol{34}": '"',
    "textquotesingle{}": "'",
    "textasciigrave{}": "`",
}


def set_by_latex(text: str) -> str:
    """The text that LaTeX prints for escaped text. It knows the few allowed commands; every other one is an error."""
    out, at = "", 0
    pattern = re.compile(
        r"\\(?P<name>[a-z]+\{(?:34)?\})|\\(?P<sign>[{}$&#%_])|\{(?P<group>[\[\]*]?)\}|(?P<math>\$\\(?:tau|rho)\$)"
        r"|(?P<dash>--)|(?P<plain>[^\\{}$&#%_^~])"
    )
    while at < len(text):
        found = pattern.match(text, at)
        assert found, f"active: {text[at : at + 20]!r}"
        at = found.end()
        if found["name"]:
            out += COMMANDS[found["name"]]
        elif found["math"]:
            out += "τ" if "tau" in found["math"] else "ρ"
        else:
            out += "–" if found["dash"] else found["sign"] or found["group"] or found["plain"] or ""
    return out


@given(st.text(st.characters(max_codepoint=0x7F) | st.sampled_from("τρ–éüßı"), max_size=60))
@example("-–-- ––-")
def test_text_is_set_as_it_is(text: str) -> None:
    assert set_by_latex(escape_latex(text)) == plain_line(text)


@given(st.text(st.characters(exclude_categories=[]), max_size=40))
def test_any_text_is_inert_and_fit_for_pdflatex(text: str) -> None:
    escaped = escape_latex(text)
    assert "\n" not in escaped and all(ord(c) <= 0x17F for c in escaped)
    told = re.sub(r"\[U\+([0-9A-F]{4,6})\]", lambda m: chr(int(m[1], 16)), set_by_latex(escaped))
    if "[U+" not in text:
        assert told == plain_line(text)
    assert set_by_latex(escape_latex(text, unicode=True)) == plain_line(text)


def test_a_table_has_rules_values_and_a_caption() -> None:
    made = evaluation(20)
    text = latex(made, label="tab:main_1")
    f1 = made.systems[1].metrics[0]
    lines = text.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("Ours, token probabilities & "))
    interval = f"[{f1.low:.3f}, {f1.high:.3f}]"
    assert lines[at].startswith(f"Ours, token probabilities & \\textbf{{{f1.value:.3f}}} & ")
    assert lines[at + 1].startswith(f" & {{\\scriptsize {interval}}} & ")
    assert r"\emph{random} & " in text and r"{\scriptsize (floor)} & " in text and r"$-$" in text
    beside = latex(made, intervals="brackets")
    assert f"Ours, token probabilities & \\textbf{{{f1.value:.3f}}} {{\\scriptsize {interval}}} & " in beside
    for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\begin{tabular}{lrrrrr}"):
        assert rule in text
    assert text.count(r"\begin{table}") == text.count(r"\end{table}") == 3
    assert r"\label{tab:main1-1}" in text and r"95 \% BCa" in text and "counted as worst: 1" in text
    body = text.split(r"\midrule")
    assert "Selection only" in body[1] and r"\emph{random}" in body[2], "baselines stand below a rule"
    small = latex(made, intervals="subscript")
    assert f"\\textsubscript{{{f1.low:.3f}, {f1.high:.3f}}}" in small


def test_every_row_has_as_many_cells_as_columns() -> None:
    for made in (evaluation(20), hostile_evaluation()):
        for table in (latex(made) + latex(made, intervals="brackets")).split(r"\begin{tabular}")[1:]:
            columns = len(table[1 : table.index("}")])
            rows = [line for line in table.splitlines() if line.endswith((r"\\", r"\\[2pt]"))]
            assert rows and all(len(re.findall(r"(?<!\\)&", row)) == columns - 1 for row in rows)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex with booktabs")
def test_pdflatex_sets_everything_even_hostile_text(tmp_path: Path) -> None:
    both = evaluation(20)
    compared = compare(both, both, first_system=ROWS[0][0], second_system=ROWS[1][0])
    odd = "".join(chr(n) for n in range(0x20, 0x180)) + " ?`!` -- --- [x] * " + HOSTILE
    parts = [
        latex(both),
        latex(hostile_evaluation(), intervals="subscript"),
        comparison_latex(compared),
        escape_latex(odd),
    ]
    source = "\n".join(
        [r"\documentclass{article}", r"\usepackage[T1]{fontenc}", r"\usepackage{booktabs}", r"\begin{document}", *parts]
    )
    (tmp_path / "t.tex").write_text(source + "\n\\end{document}\n", encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "t.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert (tmp_path / "t.pdf").stat().st_size > 10_000
