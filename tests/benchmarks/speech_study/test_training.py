"""What a trained summarizer gains: the figures of planted scores, the folds, and the published page."""

from __future__ import annotations

import copy
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.speech_study import training
from benchmarks.speech_study.run import SUMMARIZER
from benchmarks.speech_study.training import CONDITIONS, FOLDS, Truth, best, figures, in_folds, run
from benchmarks.speech_study.training_page import page
from demo.narrated_films import narrated_films
from demo.world import Script
from schemas.configuration.loading import load_train_config
from schemas.errors import ConfigError
from schemas.parts.transcript import SpokenSegment, Transcript
from schemas.repository import ROOT
from schemas.time import Seconds
from tests.curation.finished import finished
from tests.curation.samples import make_sample
from tests.training.test_vtsum import example
from training.features import Features

RESULTS = ROOT / "docs" / "results"
STATED = json.loads((RESULTS / "speech-training.json").read_text(encoding="utf-8"))
KNOWN = {
    f"f{number}": Truth((1, 3, 5, 7, 9), {"shown": {1, 3}, "said": {5 if number % 2 else 7}, "chatter": {9}})
    for number in range(12)
}


def scored(*high: int) -> list[float]:
    return [1.0 if second in high else 0.0 for second in range(10)]


def test_as_many_offered_seconds_are_chosen_as_matter() -> None:
    truth = KNOWN["f0"]
    assert best(scored(0, 2, 4, 7, 9), truth) == {7, 9, 1}, "what is not offered is no choice; of equal ones the first"
    assert best([0.0] * 10, truth) == {1, 3, 5}


def test_the_figures_of_planted_scores() -> None:
    right = {name: scored(*truth.right) for name, truth in KNOWN.items()}
    shown = {name: scored(1, 3, 9) for name in KNOWN}
    found = figures({"pictures": [shown, shown], "voices": [shown, right], "words": [right, right]}, KNOWN)
    assert found["chance"] == pytest.approx(0.6) and found["precision"]["words"] == [1.0, 1.0, 1.0]
    assert found["precision"]["pictures"][0] == pytest.approx(2 / 3)
    assert found["differences"]["words - voices"][0] == pytest.approx(1 / 6)
    assert found["chosen"]["pictures"] == {"shown": 1.0, "said": 0.0, "chatter": 1.0}
    assert found["chosen"]["voices"] == {"shown": 1.0, "said": 0.5, "chatter": 0.5}
    assert found["seconds"] == {"shown": 24, "said": 12, "chatter": 12}


def test_every_film_is_tested_once_and_never_learned_from_then() -> None:
    films = [replace(example(f"f{number}", 4), split="validation") for number in range(13)]
    tested = [one.id for fold in range(FOLDS) for one in in_folds(films, fold) if one.split == "test"]
    assert sorted(tested) == sorted(one.id for one in films)
    assert {one.split for one in in_folds(films, 0)} == {"train", "test"}


def test_a_folder_without_the_study_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no finished study"):
        run(tmp_path, 1, pytest.fail)
    assert not list(tmp_path.iterdir())


def test_the_page_is_made_of_the_json() -> None:
    assert (RESULTS / "speech-training.md").read_text(encoding="utf-8") == page(STATED)
    for name, (value, low, high) in STATED["differences"].items():
        one, other = name.split(" - ")
        assert low <= value <= high
        assert value == pytest.approx(STATED["precision"][one][0] - STATED["precision"][other][0])


@pytest.mark.parametrize(
    ("ends", "told"), [([0.1, 0.02, 0.2], "**help**"), ([-0.1, -0.2, -0.01], "**harm**"), ([0, -0.1, 0.1], "not shown")]
)
def test_the_claim_is_told_as_its_interval_has_it(ends: list[float], told: str) -> None:
    found = copy.deepcopy(STATED)
    found["differences"] = dict.fromkeys(found["differences"], ends)
    assert told in page(found) and ("It comes from the words" in page(found)) == (ends[1] > 0)


@pytest.mark.slow
def test_every_film_gets_scores_of_each_kind_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a finished study to figures, with vectors that are there; what is finished is not made again."""
    monkeypatch.setattr(training, "FOLDS", 2)
    shutil.copytree(SUMMARIZER, tmp_path / "checkpoint")
    films = narrated_films(2)
    made = [
        make_sample(film.id, film.script.duration, (0, 3, 9)).model_copy(
            update={"transcript": Transcript(source="manual", segments=spoken(film.script))}
        )
        for film in films
    ]
    settings = (f"models.summarizer.model={tmp_path / 'checkpoint'}", "download.subtitles=[en]")
    with finished(tmp_path / "on-0", made, *settings, "transcribe.mode=publisher"):
        pass
    (tmp_path / "about.json").write_text(json.dumps({"films": 2}))
    (tmp_path / "on-0.json").write_text("{}")
    tower = load_train_config(ROOT / "configs" / "train" / "vtsum_demo.yaml").features
    assert tower is not None
    begun: list[str] = []
    release = training._release(tmp_path, begun.append)
    features = Features(tmp_path / "trained" / "features", tower.tower, release.sampling)
    for one in release.examples:
        features.keep(one, np.random.default_rng(len(one.id)).random((one.frames, 8), np.float32))
    found = run(tmp_path, 1, begun.append, ("training.epochs=1",))
    assert begun == ["release", *(f"{condition}, seed 0" for condition in CONDITIONS)]
    assert (found["films"], found["seeds"], found["folds"]) == (2, 1, 2) and page(found)
    kept = sorted((tmp_path / "trained").rglob("scores.json"))
    assert len(kept) == 2 * len(CONDITIONS) and {len(json.loads(path.read_text())) for path in kept} == {1}
    words, voices = (
        json.loads(path.read_text()) for path in kept if path.parts[-3] != "pictures" and "0-0" in str(path)
    )
    assert words != voices, "what is said is not when it is said"
    before = {path: path.stat().st_mtime_ns for path in kept}
    assert run(tmp_path, 1, begun.append, ("training.epochs=1",)) == found
    assert {path: path.stat().st_mtime_ns for path in kept} == before
    (tmp_path / "on-0.json").write_text("[]")
    run(tmp_path, 1, begun.append, ("training.epochs=1",))
    assert len([*(tmp_path / "trained").rglob("scores.json")]) == 2 * len(kept), "another study"


def spoken(script: Script) -> tuple[SpokenSegment, ...]:
    return tuple(SpokenSegment(start=Seconds(a.start), end=Seconds(a.end), text=a.text) for a in script.lines)
