"""Predictions become the file that an evaluation reads."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from evaluation.cases import Reference
from evaluation.readers.predictions import read_predictions
from models.summarizers.predicted import Predicted
from training.examples import Example
from training.predict import Answer, write_predictions


def example(id_: str, frames: int = 6) -> Example:
    return Example(id_, "test", float(frames), np.arange(float(frames)), np.zeros((1, frames), np.float32))


def test_an_evaluation_reads_what_was_predicted(tmp_path: Path) -> None:
    scores = np.linspace(0, 1, 6, dtype=np.float32)
    answers = [
        Answer(example("a"), Predicted(scores, (1, 4), "A dog [12] runs. [03]")),
        Answer(example("b"), Predicted(None, (0, 5))),
        Answer(example("c"), Predicted(scores, ())),
        Answer(example("d"), Predicted(None, (), None)),
    ]
    path = tmp_path / "p.jsonl"
    assert write_predictions(path, answers) == 4
    read = read_predictions(path, [Reference(name, 6, texts=("x",)) for name in "abcd"])
    a, b, c, d = read.items
    assert a.scores is not None and np.allclose(a.scores, scores, atol=1e-6) and a.score_source == "scores"
    assert a.selected is not None and np.flatnonzero(a.selected).tolist() == [1, 4]
    assert a.text == "A dog [12] runs. [03]" and a.failure is None
    assert b.selected is not None and np.flatnonzero(b.selected).tolist() == [0, 5]
    assert c.scores is not None and c.selected is None
    assert d.failure is not None and "answered nothing" in d.failure
    assert json.loads(path.read_text().splitlines()[1]) == {"id": "b", "selected": [0, 5], "selected_as": "indices"}
    assert pytest.approx(1) == c.scores[-1]
