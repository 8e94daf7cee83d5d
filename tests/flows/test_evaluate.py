"""The command `v2xum evaluate`, and the benchmark flow on a real Prefect server."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from rich.console import Console
from typer.testing import CliRunner

from evaluation.compare import compare, read_evaluation
from evaluation.counted import failed_share
from evaluation.report.tables import tables_of
from evaluation.request import EvaluateRequest, TrainingCurves, evaluate_here
from flows.cli.main import application
from flows.cli.printing.print_evaluation import print_comparison, print_evaluation
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
    for name, more, words in (
        ("gone", (), "no such file"),
        ("good", ("--protocol", "videoxun"), "videoxum"),
        ("good", ("--seed", -1), "seed"),
    ):
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


def test_an_output_that_cannot_be_written_is_told_before_the_work(files: Path) -> None:
    (files / "report").write_text("a file")
    for out in (files / "report", files / "report" / "below"):
        code, _, err = evaluated(files, "good", "--out", out)
        assert code == 2 and "--out" in err and "is a file" in err and "Traceback" not in err
        code, _, err = call("compare", files / "gone.json", files / "gone.json", "--out", out)
        assert code == 2 and "is a file" in err, "before the evaluations are read"
    code, _, err = evaluated(files, "good", "--by", "f3", "--out", files / "new")
    assert code == 2 and "--by" in err and not (files / "new").exists()


def test_a_page_that_cannot_be_made_loses_no_number(files: Path) -> None:
    (files / "good" / "report.html").mkdir(parents=True)  # writing the page will fail
    code, out, err = evaluated(files, "good")
    assert code == 1 and "good" in out and "1.000" in out
    assert "report.html" in err and "evaluation.json" in err and "Traceback" not in err
    found = Evaluation.model_validate_json((files / "good" / "evaluation.json").read_text())
    assert found.systems[0].name == "good" and (files / "good" / "evaluation.tex").is_file()


@pytest.mark.parametrize("columns", [80, 120])
def test_tables_fit_the_terminal(files: Path, columns: int) -> None:
    """A reason in a cell squeezed all other columns; where more metrics than fit came, values were cut off."""

    def shown(draw: Callable[[Console], None]) -> str:
        out = io.StringIO()
        draw(Console(width=columns, file=out, highlight=False))
        text = out.getvalue()
        assert max(map(len, text.splitlines())) <= columns and "…" not in text
        return text

    items = list(scripts(VIDEOS).items())
    write_predictions(files / "text.jsonl", [{"id": n, "task": "v2t", "text": s.events[0].sentence} for n, s in items])
    named = [f"a-system-with-a-name-of-many-words={files / 'poor.jsonl'}", f"text={files / 'text.jsonl'}"]
    code, _, _ = call(*named, "--references", files / "references.json", "--out", files / "both", "--no-text")
    assert code == 0
    both = read_evaluation(files / "both" / "evaluation.json")
    lines = shown(lambda console: print_evaluation(both, console)).splitlines()
    for header in ("F1", "Precision", "Recall", "Kendall τ", "Spearman ρ"):
        assert sum(header in line for line in lines if "┃" in line) == 1
    one = both.systems[0].name
    made = compare(both, both, first_system=one, second_system="text")
    assert all(metric.reason for metric in made.metrics)
    long = made.metrics[0].model_copy(update={"reason": "a reason of so many words that no column of a table has room"})
    usable = compare(both, both, first_system=one, second_system="random").metrics[1]
    mixed = made.model_copy(update={"metrics": (long, usable)})
    text = shown(lambda console: print_comparison(mixed, console))
    assert (
        "won/tied/lost" in text and "difference" in text and "no column of a table has room" in " ".join(text.split())
    )


def test_the_terminal_says_of_how_many_videos_a_value_is(files: Path) -> None:
    path = files / "references.json"
    records = json.loads(path.read_text())
    for record in records[:2]:
        record["vsum_onehot"] = [1] * len(record["vsum_onehot"])
    path.write_text(json.dumps(records))
    code, text, _ = evaluated(files, "poor")
    above = next(line for line in text.splitlines() if "n=6" in line)
    assert code == 0 and above.count("n=6") == 3, "F1, precision and recall have all videos in every row"
    assert text.count("n=4") == 2, "a constant annotation has no rank correlation, for any row"

    made = read_evaluation(files / "poor" / "evaluation.json")
    first = made.systems[0]
    fewer = [m.model_copy(update={"videos": 3}) if m.name == "spearman_rho" else m for m in first.metrics]
    row = first.model_copy(update={"metrics": tuple(fewer)})
    out = io.StringIO()
    changed = made.model_copy(update={"systems": (row, *made.systems[1:])})
    print_evaluation(changed, Console(width=120, file=out, highlight=False))
    counts = [re.findall(r"n=\d", line)[0] for line in out.getvalue().splitlines() if "n=" in line and "┃" not in line]
    assert counts == ["n=3", "n=4"], "rows of unlike numbers say their own"


def test_rows_of_a_training_are_marked_compared_and_drawn(files: Path) -> None:
    """What is no result is set apart, is never bold nor counted as failed; the page has the curves of the training."""
    asked = EvaluateRequest(
        predictions=tuple(
            f"{n}={files / f}.jsonl" for n, f in (("own", "poor"), ("untrained", "broken"), ("uniform", "good"))
        ),
        references=(files / "references.json",),
        out=files / "out",
        text=False,
        kinds={"untrained": "untrained", "uniform": "uniform"},
        curves=TrainingCurves(
            training=((1, 0.9), (2, 0.4)), validation=((2, 0.5),), rates=((1, 1e-4), (2, 0.0)), best_step=2
        ),
    )
    evaluated, page = evaluate_here(asked)
    assert failed_share(evaluated.evaluation) == 0, "only the untrained model answered nothing"
    table = tables_of(evaluated.evaluation)[0]
    assert [row.name for row in table.systems] == ["own"]
    assert [(row.name, row.kind) for row in table.baselines[:3]] == [(k, k) for k in ("untrained", "uniform", "random")]
    assert not any(cell.best for row in (*table.systems, *table.baselines) for cell in row.cells)
    html = page.read_text()
    assert html.index("For comparison") < html.index("before training")
    assert [f"own against {name}" in html for name in ("untrained", "uniform", "random")] == [True] * 3
    assert html.count('class="line first"') == 2 and "Loss: training from 0.9 to 0.4; the model: 2" in html
    assert "Learning rate" in html and html.count("<h2") == 7
    plain = evaluate_here(asked.model_copy(update={"kinds": {}, "curves": None}))[1].read_text()
    assert "own against" not in plain and 'id="h-training"' not in plain


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
    # By name: a list of all would be one page, drawn by random identifiers, of what every test left on this server.
    named = {"artifacts": {"key": {"any_": ["benchmark", "benchmark-report"]}}}
    kept = httpx.post(f"{server}/artifacts/latest/filter", json=named).raise_for_status().json()
    assert found["rows"][0]["name"] == "good" and found["rows"][0]["f1"] == 1
    assert (files / "flow" / "report.html").is_file()
    assert {artifact["key"] for artifact in kept} == {"benchmark", "benchmark-report"}
