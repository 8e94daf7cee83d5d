"""Writes docs/results/smollm2.md: what a real, small language model does in the place of the demo's tiny ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from benchmarks.smollm2_study.curation import FAULTS
from evaluation.report.beside_published import shown
from evaluation.report.tables import label, number
from pages.markdown import Markdown
from pages.templates import load_markdown_template

METRICS = ("f1", "kendall", "spearman", "METEOR", "CIDEr")  # by their names in `results.json`
_V2XUM = {
    "v2xum": "V2Xum over SmolLM2",
    "v2xum_untrained": "the same, untrained",
    "beside v2xum": "V2Xum over the demo's tiny model",
    "uniform": "uniform",
    "random": "random (floor)",
    "beside curated": "the curated labels themselves",
}
_LLMVS = {
    "llmvs": "LLMVS over SmolLM2",
    "llmvs_untrained": "the same, untrained",
    "llmvs_zero_shot": "SmolLM2's own numbers, zero-shot",
    "beside llmvs": "LLMVS over the demo's tiny model",
    "beside llmvs_zero_shot": "the tiny model's own numbers, zero-shot",
    "uniform": "uniform",
    "random": "random (floor)",
}
_ROWS = {"v2xum": _V2XUM, "llmvs": _LLMVS}
_PARTS = 7  # rows of the table of losses


def page(result: Mapping[str, Any]) -> str:
    """The page as Markdown, of the document that `run.py` writes. Raises KeyError for another document."""
    trained = {kind: result[kind] for kind in _ROWS if kind in result}
    return load_markdown_template("training/smollm2.md.j2", {"made": Markdown}).render(
        result=result,
        tables={kind: _table(result, _ROWS[kind]) for kind in trained},
        above={kind: _above(of["above"], _ROWS[kind]) for kind, of in trained.items()},
        losses={kind: list(_losses(of["losses"], of["validation"])) for kind, of in trained.items()},
        faults=FAULTS,
        reasons=lambda each: ", ".join(f"{count} {reason}" for reason, count in each["reasons"].items()) or "none",
    )


def _table(result: Mapping[str, Any], named: Mapping[str, str]) -> Markdown:
    """The rows that there are, with the metrics that one of them has at least."""
    rows = {named[name]: row for name in named if (row := _row(result, name))}
    metrics = [metric for metric in METRICS if any(metric in row for row in rows.values())]
    lines = [f"| system | {' | '.join(_label(m) for m in metrics)} |", f"|---|{'---:|' * len(metrics)}"]
    lines += [f"| {name} | {' | '.join(shown(row.get(m)) for m in metrics)} |" for name, row in rows.items()]
    return Markdown("\n".join(lines) + "\n")


def _label(metric: str) -> str:
    return label({"kendall": "kendall_tau", "spearman": "spearman_rho"}.get(metric, metric))


def _row(result: Mapping[str, Any], name: str) -> Mapping[str, Sequence[float | None]]:
    beside = name.removeprefix("beside ")
    found: Mapping[str, Sequence[float | None]] = result["rows" if beside == name else "beside"].get(beside, {})
    return found


def _above(above: Mapping[str, Sequence[str]], named: Mapping[str, str]) -> str:
    told = [
        f"{_label(metric)} above {', '.join(named[row] for row in rows)}"
        for metric, rows in above.items()
        if metric in METRICS
    ]
    return "; ".join(told) or "nothing"


def _losses(losses: Sequence[Sequence[float]], validation: Sequence[Sequence[float]]) -> Iterator[tuple[str, str, str]]:
    """The training loss in parts of equal length, with the validations in them."""
    size = -(-len(losses) // _PARTS)
    for start in range(0, len(losses), size):
        part = losses[start : start + size]
        first, last = int(part[0][0]), int(part[-1][0])
        checked = [number(loss) for step, loss in validation if first <= step <= last]
        yield f"{first} to {last}", number(sum(loss for _, loss in part) / len(part)), ", ".join(checked)
