"""Evaluations whose inputs and values are stored: no change may give other numbers unnoticed.

`data/` has references and predictions, all readable and complete, and `values.json` with what they gave when they were
stored: every value of every system, of its videos in the first run, and of people and oracle. Intervals and random
scores depend on draws and are not compared. A change that gives other values on purpose stores new ones and says so in
CHANGELOG.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.cases import FullLength, Prediction, Predictions, Reference, References, System
from evaluation.command_line import read_systems
from evaluation.evaluate import CrossModal, Inputs, evaluate
from evaluation.metrics.crossmodal import UNITS as CROSS_UNITS
from evaluation.metrics.crossmodal import CrossModalOptions
from evaluation.metrics.embeddings import Embedder
from evaluation.metrics.text import METRICS as TEXT_METRICS
from evaluation.metrics.text import TextScorers
from evaluation.pictures import FramePictures
from evaluation.protocols import get
from evaluation.readers.any import read_references
from models.build import build_clip
from schemas.configuration.model_config import TransformersClip
from schemas.documents.evaluation import Evaluation, SystemValues
from schemas.repository import DATA

FOLDER = Path(__file__).parent / "data"
INPUTS = Inputs("stored", "0" * 64, {})
SHOT_PROTOCOLS = ("tvsum/per-annotator", "summe/binary-vs-mean", "summe/score-vs-mean", "summe/per-annotator")
Values = dict[str, Any]


class Canaries(FramePictures):
    """The demo's canaries in turn, as the pictures of every video."""

    def read(self, video: str, frames: Iterable[int]) -> dict[int, bytes]:
        del video
        files = sorted((DATA / "demo" / "canaries").glob("*.jpg"))
        return {frame: files[frame % len(files)].read_bytes() for frame in frames}


def values_of(evaluation: Evaluation, families: tuple[str, ...] | None = None) -> dict[str, Values]:
    """By system: every value that exists and the number of its videos, and the values of the videos."""

    def wanted(name: str, value: float | None) -> bool:
        return value is not None and (families is None or name in families)

    def of(row: SystemValues) -> Values:
        return {
            "metrics": {m.name: [m.value, m.videos] for m in row.metrics if wanted(m.name, m.value)},
            "videos": {v.id: {n: x for n, x in v.values.items() if wanted(n, x)} for v in row.videos},
        }

    return {row.name: of(row) for row in evaluation.systems if row.kind != "random" and row.metrics}


def texts_and_keyframes(scorers: TextScorers | None = None, cross: CrossModal | None = None) -> Evaluation:
    """Three runs of a system that marks its text, a run of one with scores, and a run of one with scores alone."""
    references = read_references([FOLDER / "instruct.json"])
    given = [f"marks={FOLDER / f'marks.{run}.jsonl'}" for run in (1, 2, 3)]
    systems = read_systems([*given, f"probable={FOLDER / 'probable.jsonl'}", f"scores={FOLDER / 'scores.jsonl'}"],
                           references.items).systems  # fmt: skip
    chosen = systems if cross is None else systems[:2]  # scores alone name no frame that has a picture
    return evaluate(get("instruct-v2xum"), references, chosen, INPUTS, scorers=scorers, cross=cross).evaluation


def annotators(protocol: str) -> Evaluation:
    """Two runs of scores against four annotators."""
    references = read_references([FOLDER / "test_videoxum.json"])
    given = [f"scores={FOLDER / f'videoxum.{run}.jsonl'}" for run in (1, 2)]
    return evaluate(get(protocol), references, read_systems(given, references.items).systems, INPUTS).evaluation


def shots(protocol: str) -> Evaluation:
    """A system's scores on videos with shots, which annotators rated and whose shots they chose."""
    items, guesses = [], []
    for record in json.loads((FOLDER / "shots.json").read_text()):
        borders = np.array(record["shots"])
        chosen = np.zeros((len(record["chosen"]), record["frames"]), bool)
        for row, numbers in zip(chosen, record["chosen"], strict=True):
            for first, last in borders[numbers]:
                row[first : last + 1] = True
        picks = np.arange(0, record["frames"], record["every"])
        full = FullLength(record["frames"], picks, borders, chosen)
        rated = np.array(record["ratings"], np.float64)
        items.append(Reference(record["id"], len(picks), scores=rated, selections=chosen[:, picks], full=full))
        guesses.append(Prediction(record["id"], scores=np.array(record["scores"])))
    system = System("scores", (Predictions(tuple(guesses), ()),))
    return evaluate(get(protocol), References(tuple(items), ()), [system], INPUTS).evaluation


@pytest.fixture(scope="module")
def stored() -> dict[str, dict[str, Values]]:
    found: dict[str, dict[str, Values]] = json.loads((FOLDER / "values.json").read_text())
    return found


def assert_same(found: dict[str, Values], stored: dict[str, Values], within: float = 1e-9) -> None:
    assert found.keys() == stored.keys()
    for name, row in stored.items():
        for metric, (value, videos) in row["metrics"].items():  # metrics may be added, none may go
            assert found[name]["metrics"].get(metric) == [pytest.approx(value, abs=within), videos], (name, metric)
        assert found[name]["videos"].keys() == row["videos"].keys()
        for id_, values in row["videos"].items():
            now = {metric: found[name]["videos"][id_].get(metric) for metric in values}
            assert now == pytest.approx(values, abs=within), (name, id_)


def test_frames_are_measured_as_they_were(stored: dict[str, dict[str, Values]]) -> None:
    assert_same(values_of(texts_and_keyframes()), stored["frames"])


@pytest.mark.slow
def test_texts_are_measured_as_they_were(stored: dict[str, dict[str, Values]]) -> None:
    with TextScorers() as scorers:
        if scorers.reason is not None:
            pytest.skip(scorers.reason)
        assert_same(values_of(texts_and_keyframes(scorers), TEXT_METRICS), stored["texts"])


@pytest.mark.slow
def test_pictures_and_texts_are_measured_as_they_were(stored: dict[str, dict[str, Values]]) -> None:
    embedder = Embedder(build_clip(TransformersClip(engine="transformers", model=str(DATA / "demo" / "clip"))))
    cross = CrossModal(embedder, CrossModalOptions(clip=embedder.name), Canaries())
    # Processors differ in the last digits of a float32.
    assert_same(values_of(texts_and_keyframes(cross=cross), tuple(CROSS_UNITS)), stored["cross"], within=1e-4)


@pytest.mark.parametrize("protocol", ["videoxum", "videoxum-upstream"])
def test_annotators_are_compared_with_as_they_were(protocol: str, stored: dict[str, dict[str, Values]]) -> None:
    assert_same(values_of(annotators(protocol)), stored[protocol])


@pytest.mark.slow
@pytest.mark.parametrize("protocol", SHOT_PROTOCOLS)
def test_shots_are_chosen_as_they_were(protocol: str, stored: dict[str, dict[str, Values]]) -> None:
    assert_same(values_of(shots(protocol)), stored[protocol])
