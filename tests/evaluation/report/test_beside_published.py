"""The page of the training demo: what is bold, what is theirs, which goals are reached."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
from markdown_it import MarkdownIt

from evaluation.published_tables import read_published_tables
from evaluation.report.beside_published import beside, goals, training_page
from schemas.repository import ROOT

PAGE = ROOT / "docs" / "results" / "training.md"


def row(value: float, **more: float) -> dict[str, list[float]]:
    found = {"f1": value, "kendall": value, "spearman": value, **more}
    return {name: [number, number - 0.05, number + 0.05] for name, number in found.items()}


@pytest.fixture
def results() -> dict[str, Any]:
    rivals = ["{}_untrained", "uniform", "random"]
    return {
        "v2xum": row(0.9, METEOR=0.4),
        "vtsum": row(0.5, METEOR=0.3),
        "llmvs": row(0.4),
        "llmvs_zero_shot": row(0.1),
        "random": row(0.0),
        "uniform": row(0.2),
        "curated": row(0.99),
        "untrained": {"v2xum": row(0.01, METEOR=0.39), "vtsum": row(0.02, METEOR=0.1), "llmvs": row(-0.2)},
        "above": {
            "v2xum": {"f1": [name.format("v2xum") for name in rivals], "kendall": ["random"]},
            "vtsum": {"METEOR": ["vtsum_untrained"]},
            "llmvs": {"kendall": ["llmvs_untrained", "uniform", "random"]},
        },
        "kendall_ceiling": 0.53,
        "zero_shot_answered": 0.25,
        "films": {"train": 84, "validation": 12, "test": 24},
        "protocol": "instruct-v2xum",
        "seconds": {"render": 20.0, "all": 880.0},
    }


def test_only_what_is_above_every_other_row_of_ours_is_bold(results: dict[str, Any]) -> None:
    tables = {name: paper.tables[0] for name, paper in read_published_tables().items()}

    def bold(kind: str, paper: str) -> set[tuple[str, str]]:
        made = beside(results, kind, tables[paper])
        rows = [
            (name, *pair) for name, cells in (*made.ours, *made.theirs) for pair in zip(made.heads, cells, strict=True)
        ]
        return {(name, head) for name, head, cell in rows if "**" in cell}

    assert bold("v2xum", "v2xum") == {("V2Xum", "F1")}  # of Kendall's tau two rows are not significantly lower
    assert bold("vtsum", "vtsum") == {("VTSUM", "METEOR")}  # uniform and random have no text
    assert bold("llmvs", "llmvs") == set()  # not above zero-shot
    results["above"]["llmvs"]["kendall"].append("llmvs_zero_shot")
    assert bold("llmvs", "llmvs") == {("LLMVS", "Kendall τ")}


def test_goals_are_those_that_the_figures_reach(results: dict[str, Any]) -> None:
    reached = {goal.wanted: goal.reached for goal in goals(results)}
    assert [wanted for wanted, yes in reached.items() if not yes] == ["VTSUM: Kendall's tau of 0.6 or more"]
    assert "cannot exceed 0.530" in next(goal.note for goal in goals(results) if "VTSUM: K" in goal.wanted)
    touching = copy.deepcopy(results)
    touching["uniform"]["kendall"] = [0.2, 0.1, 0.36]
    touching["seconds"]["all"] = 901.0
    lost = {goal.wanted for goal in goals(touching) if not goal.reached} - {"VTSUM: Kendall's tau of 0.6 or more"}
    assert lost == {"LLMVS above uniform: the intervals of Kendall τ", "all steps within 900 s"}


def test_the_page_has_every_published_table_with_ours_above_theirs(results: dict[str, Any]) -> None:
    html = MarkdownIt("commonmark").enable("table").render(training_page(results))
    tables = [table for paper in read_published_tables().values() for table in paper.tables]
    assert html.count("<table>") == len(tables) + 2
    whose = re.findall(r"<td>(ours|<em>theirs</em>)</td>", html)
    assert whose.count("<em>theirs</em>") == sum(len(table.rows) for table in tables)
    assert all(table.protocol.split(",")[0] in html for table in tables)


@pytest.mark.skipif(not PAGE.exists(), reason="nobody has run it yet")
def test_the_page_in_docs_is_made_of_the_results_beside_it() -> None:
    stated = json.loads(PAGE.with_suffix(".json").read_text(encoding="utf-8"))
    assert training_page(stated) == PAGE.read_text(encoding="utf-8")
