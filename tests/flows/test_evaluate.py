"""The command `v2xum evaluate`, and the benchmark flow on a real Prefect server."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from flows.cli.main import application
from schemas.documents.comparison import Comparison
from schemas.documents.evaluation import Evaluation
from tests.evaluation.datasets import right, scripts, write_predictions, write_references
from tests.runs import run_flow

VIDEOS = 6
runner = CliRunner()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    write_references(tmp_path / "references.json", VIDEOS)
    items = list(scripts(VIDEOS).items())
    write_predictions(tmp_path / "good.jsonl", [right(*item) for item in items])
    write_predictions(tmp_path / "poor.jsonl", [{"id": n, "selected": [0, s.keyframes[0]]} for n, s in items])
    write_predictions(tmp_path / "broken.jsonl", [{"id": n, "error": "x"} for n, _ in items])
    return tmp_path


def evaluated(files: Path, name: str, *more: object) -> tuple[int, str, str]:
    """Run `v2xum evaluate NAME.jsonl` with the folder NAME for its output."""
    fixed = ("--references", files / "references.json", "--out", files / name, "--no-text")
    return call(files / f"{name}.jsonl", *fixed, *more)


def call(*arguments: object) -> tuple[int, str, str]:
    done = runner.invoke(application(), ["evaluate", *map(str, arguments)])
    return done.exit_code, done.stdout, done.stderr


def test_a_table_a_page_and_the_whole_result(files: Path) -> None:
    code, out, _ = evaluated(files, "good")
    assert code == 0 and "good" in out and "random" in out and "1.000" in out and "report.html" in out
    code, out, _ = evaluated(files, "good", "--json")
    assert code == 0 and Evaluation.model_validate_json(out).systems[0].name == "good"


def test_too_many_failures_give_exit_code_3_and_bad_usage_2(files: Path) -> None:
    code, _, err = evaluated(files, "broken")
    assert code == 3 and "100.0% of the predictions could not be scored" in err
    assert evaluated(files, "broken", "--max-failed", 1)[0] == 0
    for name, more, words in (("gone", (), "no such file"), ("good", ("--protocol", "videoxun"), "videoxum")):
        code, _, err = evaluated(files, name, *more)
        assert code == 2 and words in err


def test_two_results_are_compared_and_unlike_ones_refused(files: Path) -> None:
    assert evaluated(files, "good")[0] == evaluated(files, "poor")[0] == 0
    pair = (files / "poor" / "evaluation.json", files / "good" / "evaluation.json")
    code, out, _ = call("compare", *pair)
    assert code == 0 and "Holm" in out and f"{VIDEOS} / 0 / 0" in out
    code, out, _ = call("compare", *pair, "--json", "--out", files / "difference")
    assert Comparison.model_validate_json((files / "difference" / "comparison.json").read_text())
    assert r"\toprule" in (files / "difference" / "comparison.tex").read_text()
    assert "good against poor" in (files / "difference" / "comparison.md").read_text()
    found = Comparison.model_validate_json(out)
    assert code == 0 and all((m.difference or 0) > 0 for m in found.metrics if m.name in ("f1", "recall"))
    other = json.loads(pair[0].read_text())
    other["provenance"]["protocol"] = "videoxum"
    (files / "other.json").write_text(json.dumps(other))
    code, _, err = call("compare", files / "other.json", pair[1])
    assert code == 2 and "protocol" in err


@pytest.mark.prefect
@pytest.mark.slow
def test_the_flow_does_the_same_and_leaves_artifacts(files: Path, server: str) -> None:
    request = {
        "predictions": [f"good={files / 'good.jsonl'}"],
        "references": [str(files / "references.json")],
        "out": str(files / "flow"),
        "text": False,
    }
    found = run_flow(server, "flows.benchmark", "benchmark", {"request": request})
    keys = {artifact["key"] for artifact in httpx.post(f"{server}/artifacts/filter", json={}).json()}
    assert found["rows"][0]["name"] == "good" and found["rows"][0]["f1"] == 1
    assert (files / "flow" / "report.html").is_file() and {"benchmark", "benchmark-report"} <= keys
