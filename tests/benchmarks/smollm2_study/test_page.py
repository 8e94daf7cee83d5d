"""The page about SmolLM2: it is made of the document beside it, and shows what that says, bad figures too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from benchmarks.audit_study.small_model import section
from benchmarks.smollm2_study import curation
from benchmarks.smollm2_study.page import page
from benchmarks.smollm2_study.run import main
from schemas.repository import ROOT

PAGE = ROOT / "docs" / "results" / "smollm2.md"
STATED = json.loads(PAGE.with_suffix(".json").read_text(encoding="utf-8"))


def test_the_pages_in_docs_are_made_of_the_document_beside_them() -> None:
    assert page(STATED) == PAGE.read_text(encoding="utf-8")
    assert "\n".join(section(STATED)) in (PAGE.parent / "audit.md").read_text(encoding="utf-8")


def test_what_was_measured_is_whole() -> None:
    """The loss fell, every row has intervals around its value, every film has an outcome, nothing unsound came out."""
    for kind in ("v2xum", "llmvs"):
        if kind in STATED:
            losses = [loss for _, loss in STATED[kind]["losses"]]
            assert sum(losses[-5:]) < sum(losses[:5])
            assert STATED[kind]["films"]["test"] > 0
            for name in (kind, f"{kind}_untrained", "uniform", "random"):
                value, low, high = STATED["rows"][name]["f1"]
                assert low <= value <= high
    for each in STATED["curation"]:
        assert each["samples"] + sum(each["reasons"].values()) == each["videos"]
        assert [each[name] for name in curation.FAULTS] == [0] * len(curation.FAULTS)


def test_the_page_shows_what_there_is_and_no_more() -> None:
    row = {"f1": [-0.125, -0.25, 0.5], "kendall": [0.25, 0.125, 0.5]}
    trained = {
        "films": {"train": 2, "validation": 1, "test": 3},
        "steps": 3,
        "best_step": 2,
        "epochs": 1.5,
        "seconds": 9,
    }
    trained |= {"losses": [[1, 3.0], [2, 2.0], [3, 1.0]], "validation": [[2, 1.5]], "above": {}}
    curated: dict[str, Any] = {
        "prompts": ["extract.v1", "refine.v1"],
        "videos": 9,
        "samples": 0,
        "texts": ["A *bold* | word."],
    }
    curated |= {"reasons": {"extract: prompt_echo": 9}, **dict.fromkeys(curation.FAULTS, 7)}
    whole: dict[str, Any] = {
        "protocol": "instruct-v2xum",
        "rows": dict.fromkeys(("v2xum", "uniform", "random", "llmvs", "llmvs_zero_shot"), row),
        "beside": {"v2xum": row},
        "v2xum": trained | {"above": {"f1": ["uniform", "random"]}},
        "llmvs": trained | {"answered": 0.5},
        "curation": [curated],
    }
    text = page(whole)
    assert "| V2Xum over SmolLM2 | −0.125 \\[−0.250, 0.500\\] | 0.250 \\[0.125, 0.500\\] |" in text
    assert "F1 above uniform, random (floor)." in text and "by Holm over metrics): nothing." in text
    assert "| 2 to 2 | 2.000 | 1.500 |" in text and "50.0 % of the frames" in text
    assert "| 9 | 0 | 9 extract: prompt\\_echo | 7 | 7 | 7 | 7 |" in text
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert html.count("<table>") == 5 and "<em>bold</em>" not in html
    few = {name: value for name, value in whole.items() if name != "llmvs"} | {"curation": []}
    html = MarkdownIt("commonmark").enable("table").render(page(few))
    assert html.count("<table>") == 2 and "LLMVS over" not in html and "Curation" not in html


def test_a_demo_that_is_not_finished_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["smollm2_page", "--demo", str(tmp_path), "--out", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"there is no .*truth\.json: `make demo-train` makes it"):
        main()
