"""The proof on a few films with two seeds: every row is what it is called, and nothing is made twice."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from benchmarks.proof_study.conditions import UNPLANTED, Seed, conditions
from benchmarks.proof_study.faults import Model, habits, random_faults
from benchmarks.proof_study.figures import METRICS
from benchmarks.proof_study.page import page, plot
from benchmarks.proof_study.run import Study, Wanted
from flows.local import demo_training
from schemas.errors import ConfigError
from tests.flows.local.test_demo_training import MORE, make
from tests.once import once
from training.examples import read_release

ERRORS = (0.1, 0.4)
pytestmark = [pytest.mark.slow, pytest.mark.prefect]


def study(folder: Path, demo: Path, begun: list[str], errors: tuple[float, ...] = ERRORS) -> Study:
    wanted = demo_training.Wanted(demo, 9, MORE)
    return Study(Wanted(folder, wanted, 2, errors, ("training.epochs=2", "training.check_every=2")), begun.append)


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return once(tmp_path_factory, "demo-train", lambda folder: (folder / "begun").write_text(" ".join(make(folder))))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, demo: Path) -> Path:
    def fill(folder: Path) -> None:
        found = study(folder, demo, []).run()
        (folder / "found.json").write_text(json.dumps(found))

    return once(tmp_path_factory, "proof", fill)


@pytest.fixture
def found(made: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((made / "found.json").read_text())
    return read


@pytest.mark.parametrize(("name", "model", "errors"), [("random", random_faults, ERRORS), ("habits", habits, (0.1,))])
def test_every_release_has_the_rows_that_its_name_says(
    name: str, model: Callable[[int], Model], errors: tuple[float, ...], made: Path, demo: Path
) -> None:
    base = read_release(demo / "workspace" / "releases" / UNPLANTED.version)
    splits = {each.id: each.split for each in base.examples}
    clean = {each.id: each.keyframes for each in base.examples if each.split != "test"}
    for number in range(2):
        seed = Seed(made / name / f"seed-{number}", number, errors, model(number))
        said = json.loads((seed.folder / "releases.json").read_text())
        assert said["planted"].keys() == clean.keys() and any(said["planted"].values())
        labels = {}
        for condition in conditions(errors):
            read = read_release(seed.release(condition))
            assert all(each.split == splits[each.id] for each in read.examples)
            learned = [each for each in read.examples if each.split != "test"]
            assert {each.source for each in learned} == {condition.rows}
            labels[condition.name] = {each.id: each.keyframes for each in learned}
        assert labels["unplanted"] == clean and labels["raw"].keys() == clean.keys()
        assert labels["raw"].keys() - labels["audited"].keys() == set(said["kept_back"])
        for film, kinds in said["planted"].items():
            if kinds in ([], ["swapped"]):
                assert labels["raw"][film] == clean[film]
            elif "shifted" in kinds:
                assert labels["raw"][film] != clean[film]
            assert labels["audited"].get(film, labels["raw"][film]) == labels["raw"][film]
        decided = said["decisions"]["verified_10"]
        assert len(labels["verified_10"]) == decided.get("accept", 0) + decided.get("fix", 0)


def test_the_budget_is_the_same_and_everything_is_scored(found: dict[str, Any]) -> None:
    assert list(found["random"]["conditions"]) == ["raw", "audited", "verified_10", "verified_40", "unplanted"]
    assert list(found["habits"]["conditions"]) == ["raw", "audited", "verified_10", "unplanted"]
    for part in (found["random"], found["habits"]):
        rows = part["conditions"]
        for name in ("videos", "steps"):
            assert len({tuple(row[name]) for row in rows.values()}) == 1
        assert rows["raw"]["videos"] == [min(row["rows"][seed] for row in rows.values()) for seed in (0, 1)]
        for row in (*rows.values(), *part["differences"].values()):
            assert all(low <= value <= high for value, low, high in (row[metric] for metric in METRICS))
        assert part["differences"].keys() >= {"audited - raw", "verified_10 - raw", "verified_10 - audited"}
    assert "same number of videos" in page(found) and plot(found).count("<circle") == 7


def test_labels_are_the_mean_f1_of_the_rows_that_were_trained_on(made: Path, demo: Path, found: dict[str, Any]) -> None:
    base = read_release(demo / "workspace" / "releases" / UNPLANTED.version)
    known = demo_training.DemoTraining(demo_training.Wanted(demo, 9, MORE), print).known(base.examples)
    true = {one.id: set(one.keyframes) for one in known}
    for name, errors in (("random", ERRORS), ("habits", ERRORS[:1])):
        for condition in conditions(errors):
            row = found[name]["conditions"][condition.name]
            means = []
            for number, videos in enumerate(row["videos"]):
                release = read_release(made / name / f"seed-{number}" / "workspace" / "releases" / condition.version)
                rows = {each.id: set(each.keyframes) for each in release.split("train", condition.rows)}
                order = {film: sha256(f"{number} {film}".encode()).digest() for film in rows}
                drawn = sorted(rows, key=order.__getitem__)[:videos]
                means.append(sum(f1(rows[film], true[film]) for film in drawn) / videos)
            assert row["labels"] == pytest.approx(sum(means) / 2)


def f1(said: set[int], true: set[int]) -> float:
    """By precision and recall."""
    hits = len(said & true)
    return 2 * (hits / len(said)) * (hits / len(true)) / (hits / len(said) + hits / len(true)) if hits else 0.0


def test_what_is_finished_is_not_made_again(made: Path, demo: Path, found: dict[str, Any]) -> None:
    begun: list[str] = []
    done = made / "random" / "seed-1" / "audited" / "done.json"
    before = json.loads(done.read_text())
    shutil.rmtree(done.parent)
    again = study(made, demo, begun).run()
    assert [step for step in begun if "videos" in step] == [f"seed 1: audited, {before['videos']} videos"]
    for said in (again, found):
        assert all(said[name].pop("seconds") > 0 for name in ("random", "habits"))
    assert again == found, "a training that is made again is the same one"
    with pytest.raises(ConfigError, match="begun with other settings"):
        study(made, demo, [], (0.2,))
