"""The pages of `make demo-train` and of ablations: our figures in the form of the seeds' tables, beside theirs.

A figure of ours is bold only where the row is significantly above every other row of ours in its column.
Theirs are never bold: they are of other videos.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from evaluation.published_tables import PublishedTable, read_published_tables
from evaluation.report.tables import NONE, label, minus, number
from pages.markdown import Markdown, escape_markdown
from pages.templates import load_markdown_template

_NAMES = {"kendall_tau": "kendall", "spearman_rho": "spearman"}
_KIND_OF = {"v2xum": "v2xum", "vtsum": "vtsum", "enhanced_vtsum": "vtsum", "llmvs": "llmvs"}
_CALLED = {"v2xum": "V2Xum", "vtsum": "VTSUM", "llmvs": "LLMVS"}
_FIRST = {"v2xum": "f1", "vtsum": "kendall", "llmvs": "kendall"}  # the metric that its goal is about
_F1_GOAL, _TAU_GOAL, _SECONDS_GOAL = 0.8, 0.6, 900.0
Figures = Mapping[str, Sequence[float | None]]


class Goal(NamedTuple):
    """What was wanted, what was measured, and whether it was reached; `note` says why it could not be."""

    wanted: str
    measured: str
    reached: bool
    note: str = ""


class Beside(NamedTuple):
    """A published table with our rows above theirs. The cells are finished Markdown."""

    table: PublishedTable
    heads: tuple[str, ...]
    ours: tuple[tuple[str, tuple[Markdown, ...]], ...]
    theirs: tuple[tuple[str, tuple[Markdown, ...]], ...]


def training_page(results: Mapping[str, Any]) -> str:
    """The page as Markdown, of the document that `make demo-train` writes. Raises KeyError for another document."""
    published = read_published_tables()
    papers = [
        (published[name], [beside(results, kind, table) for table in published[name].tables])
        for name, kind in _KIND_OF.items()
    ]
    return load_markdown_template("training/results.md.j2", {}).render(
        results=results, goals=goals(results), papers=papers, ceiling=number(results["kendall_ceiling"])
    )


def goals(results: Mapping[str, Any]) -> list[Goal]:
    """Every goal of the training on the demo's films, reached or not."""
    f1, tau = results["v2xum"]["f1"][0], results["vtsum"]["kendall"][0]
    highest = results["kendall_ceiling"]
    impossible = f"distinct scores cannot exceed {number(highest)} here" if highest < _TAU_GOAL else ""
    seconds = results["seconds"]["all"]
    return [
        Goal(f"V2Xum: F1 of {_F1_GOAL} or more", number(f1), f1 >= _F1_GOAL),
        Goal(f"VTSUM: Kendall's tau of {_TAU_GOAL} or more", number(tau), tau >= _TAU_GOAL, impossible),
        _apart(results, "llmvs", "llmvs_zero_shot"),
        *(_apart(results, kind, other) for kind in _CALLED for other in ("untrained", "random", "uniform")),
        Goal(f"all steps within {_SECONDS_GOAL:.0f} s", f"{seconds:.0f} s", seconds <= _SECONDS_GOAL),
    ]


def beside(results: Mapping[str, Any], kind: str, table: PublishedTable) -> Beside:
    """A published table with the rows of ours that its kind of model is compared with."""
    metrics = table.metrics()
    ours = {
        "random (floor)": results["random"],
        "uniform": results["uniform"],
        f"{_CALLED[kind]}, untrained": results["untrained"][kind],
        **({"language model, zero-shot": results["llmvs_zero_shot"]} if kind == "llmvs" else {}),
        _CALLED[kind]: results[kind],
        "the curated labels themselves": results["curated"],
    }
    rivals = {"random": "random", "uniform": "uniform", f"{kind}_untrained": "untrained"}
    rivals |= {"llmvs_zero_shot": "llmvs_zero_shot"} if kind == "llmvs" else {}
    best = {name for name in metrics if _above_all(results, kind, _NAMES.get(name, name), rivals)}
    return Beside(
        table,
        tuple(label(name) for name in metrics),
        tuple((name, tuple(shown(row.get(_NAMES.get(m, m)), name == _CALLED[kind] and m in best) for m in metrics))
              for name, row in ours.items()),
        _theirs(table),
    )  # fmt: skip


def ablations_page(documents: Sequence[Mapping[str, Any]]) -> str:
    """The page of several kinds' ablation rows, of what flows/local/ablations.py writes for each, as Markdown."""
    published = read_published_tables()
    parts = []
    for results in documents:
        papers = []
        for paper in (published[name] for name in results["tables"]):
            alike = [table for table in paper.tables if len(table.rows.keys() & results["rows"].keys()) > 1]
            papers.append((paper, [_rows(results, table) for table in alike]))
        parts.append(({**results, "name": _CALLED[results["kind"]]}, papers))
    return load_markdown_template("training/ablations.md.j2", {}).render(parts=parts)


def _rows(results: Mapping[str, Any], table: PublishedTable) -> Beside:
    metrics, best = table.metrics(), results["best"]
    ours = {**results["compared"], **results["rows"]}
    return Beside(
        table,
        tuple(label(name) for name in metrics),
        tuple((name, tuple(shown(row.get(m), best.get(m) == name) for m in metrics)) for name, row in ours.items()),
        _theirs(table),
    )


def _theirs(table: PublishedTable) -> tuple[tuple[str, tuple[Markdown, ...]], ...]:
    metrics = table.metrics()
    return tuple(
        (name, tuple(Markdown(minus(number(row.get(m)))) for m in metrics)) for name, row in table.values().items()
    )


def _above_all(results: Mapping[str, Any], kind: str, metric: str, rivals: Mapping[str, str]) -> bool:
    """Whether the trained model is significantly above each rival that has the metric, and there is one."""
    below = results["above"][kind].get(metric, ())
    having = [row for row, name in rivals.items() if metric in _row(results, kind, name)]
    return bool(having) and set(having) <= set(below)


def _row(results: Mapping[str, Any], kind: str, name: str) -> Figures:
    found: Figures = results["untrained"][kind] if name == "untrained" else results[name]
    return found


def _apart(results: Mapping[str, Any], kind: str, other: str) -> Goal:
    """The goal that two intervals do not overlap."""
    metric = _FIRST[kind]
    own, its = results[kind][metric], _row(results, kind, other).get(metric)
    called = other.removeprefix(f"{kind}_").replace("_", "-")
    wanted = f"{_CALLED[kind]} above {called}: the intervals of {label({'kendall': 'kendall_tau'}.get(metric, metric))}"
    if its is None or its[2] is None or own[1] is None:
        return Goal(wanted, "no value", False)
    told = " and ".join(f"{number(v)} [{number(low)}, {number(high)}]" for v, low, high in (own, its))
    return Goal(wanted, minus(told), own[1] > its[2])


def shown(figures: Sequence[float | None] | None, bold: bool = False) -> Markdown:
    """A value with its interval, or a dash, as finished Markdown."""
    if figures is None or figures[0] is None:
        return Markdown(NONE)
    value = minus(number(figures[0]))
    value = f"**{value}**" if bold else value
    if figures[1] is None:
        return Markdown(value)
    return Markdown(f"{value} {escape_markdown(minus(f'[{number(figures[1])}, {number(figures[2])}]'))}")
