"""The training demo on a few films and for a few steps: all figures that others read, and nothing made twice."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from evaluation.compare import read_evaluation
from evaluation.report.beside_published import goals, training_page
from flows.cli.releases import demo_train
from flows.local import demo_training
from flows.local.demo_training import KINDS, STEPS, DemoTraining, Wanted, above
from schemas.errors import ConfigError
from tests.once import once

_SHORT = ["training.epochs=1", "evaluation.text=false"]
MORE = {
    "curate": ["export.splits.train=0.5", "export.splits.validation=0.25", "export.splits.test=0.25"],
    "v2xum": [*_SHORT, "summarizer.answer_tokens=40"],
    "vtsum": _SHORT,
    "llmvs": [*_SHORT, "summarizer.window=1"],
}
pytestmark = [pytest.mark.slow, pytest.mark.prefect]


def make(folder: Path, films: int = 9) -> list[str]:
    begun: list[str] = []
    DemoTraining(Wanted(folder, films, MORE), begun.append).run()
    return begun


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return once(tmp_path_factory, "demo-train", lambda folder: (folder / "begun").write_text(" ".join(make(folder))))


def test_it_ends_with_the_figures_of_every_system(made: Path) -> None:
    begun = (made / "begun").read_text().split()
    assert sorted(begun) == sorted(STEPS) and begun[:3] == list(STEPS[:3]) and begun[-1] == STEPS[-1]
    results: dict[str, Any] = json.loads((made / "results.json").read_text())
    assert {*KINDS, "llmvs_zero_shot", "random", "uniform", "untrained", "seconds"} <= results.keys()
    assert results["untrained"].keys() == set(KINDS)
    for row in (*(results[kind] for kind in KINDS), *results["untrained"].values(), results["llmvs_zero_shot"]):
        assert len(row["f1"]) == len(row["kendall"]) == len(row["spearman"]) == 3
    assert results["seconds"].keys() == {*STEPS, "all"}
    assert 0.4 < results["kendall_ceiling"] < 0.7
    assert results["curated"]["f1"][0] > 0.9  # the labels hold nearly all seconds of the scripts
    assert sum(results["films"].values()) == 9
    evaluation = read_evaluation(made / "evaluation" / "evaluation.json")
    assert evaluation.counts["videos"] == results["films"]["test"]
    assert {problem.counted for problem in evaluation.problems} <= {"worst"}  # every answer found its film
    for kind in KINDS:
        assert (made / kind / "model" / "README.md").is_file()


def test_what_is_finished_is_not_made_again(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (made / "results.json").read_bytes()
    assert make(made) == []
    assert (made / "results.json").read_bytes() == before
    (made / "results.json").unlink()
    assert make(made) == [] and (made / "results.json").read_bytes() == before
    (made / "llmvs" / "results.json").unlink()
    monkeypatch.setattr(demo_training, "curate_here", lambda *args: pytest.fail("the films are curated"))
    assert make(made) == ["llmvs", "evaluate"]
    after = json.loads((made / "results.json").read_text())
    first = json.loads(before)
    assert after.pop("seconds")["v2xum"] == first.pop("seconds")["v2xum"]
    assert after == first


def test_the_command_prints_the_goals_and_writes_the_page(made: Path, tmp_path: Path) -> None:
    said, page = io.StringIO(), tmp_path / "training.md"
    demo_train.make(Wanted(made, 9, MORE), page, Console(file=said, width=200))
    results = json.loads((made / "results.json").read_text())
    assert json.loads(page.with_suffix(".json").read_text()) == results
    assert page.read_text() == training_page(results)
    for goal in goals(results):
        assert f"{'yes' if goal.reached else 'NO':4}{goal.wanted}: {goal.measured}" in said.getvalue()
    assert f"{results['kendall_ceiling']:.3f}" in said.getvalue()


def test_a_folder_of_other_settings_is_refused(made: Path) -> None:
    with pytest.raises(ConfigError, match="other settings"):
        make(made, 10)


def test_a_rival_is_named_only_where_the_model_is_surely_higher(made: Path) -> None:
    """Rows of one evaluation whose values are set: 0.2 above in every film, equal, and lower."""
    evaluation = read_evaluation(made / "evaluation" / "evaluation.json")
    rows = {row.name: row for row in evaluation.systems}
    videos = tuple(
        rows["vtsum"].videos[0].model_copy(update={"id": f"v{n}", "values": {"f1": 0.5 + n / 100}, "sums": {}})
        for n in range(12)
    )

    def row(name: str, difference: float) -> Any:
        moved = tuple(v.model_copy(update={"values": {"f1": v.values["f1"] + difference}}) for v in videos)
        mean = sum(v.values["f1"] for v in moved) / len(moved)
        metric = rows["vtsum"].metrics[0].model_copy(update={"value": mean, "videos": 12})
        return rows["vtsum"].model_copy(update={"name": name, "metrics": (metric,), "videos": moved})

    systems = (row("vtsum", 0), row("vtsum_untrained", -0.2), row("uniform", 0), row("random", 0.2))
    assert above(evaluation.model_copy(update={"systems": systems}), "vtsum") == {"f1": ["vtsum_untrained"]}
