"""Predictions of a trained summarizer, as the file that `v2xum evaluate` reads."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import PreTrainedModel

from curation.store.files import write_whole
from models.summarizers.predicted import Predicted
from schemas.marks import escape_marks
from training.examples import Example
from training.recipe import Recipe


class Answer(NamedTuple):
    """What a summarizer says of one video."""

    example: Example
    predicted: Predicted


def predict(
    recipe: Recipe,
    model: PreTrainedModel,
    examples: Sequence[Example],
    batch: int,
    raise_if_stopped: Callable[[], None] = lambda: None,
) -> Iterator[Answer]:
    """Ask the model about every example, `batch` at a time, in their order.

    Raises ValueError where a prediction does not fit its video, and what `raise_if_stopped` raises.
    """
    questions, collator = recipe.questions(examples), recipe.collator()
    if len(questions) != len(examples):
        raise ValueError(f"{len(questions)} questions for {len(examples)} videos")
    model.train(False)
    if torch.cuda.is_available():
        model.to("cuda")  # type: ignore[arg-type]  # where the training was; what is loaded begins on the CPU
    for start in range(0, len(examples), batch):
        raise_if_stopped()
        some = examples[start : start + batch]
        asked = collator.questions([questions[start + place] for place in range(len(some))])
        for example, predicted in zip(some, recipe.predict(model, asked), strict=True):
            if predicted.scores is not None and len(predicted.scores) != example.frames:
                raise ValueError(f"{len(predicted.scores)} scores for the {example.frames} frames of {example.id}")
            yield Answer(example, predicted)


def record(answer: Answer) -> dict[str, Any]:
    """A line of the file (evaluation/readers/predictions.py), on the grid of the annotations. Brackets stay text."""
    example, predicted = answer
    said: dict[str, Any] = {"id": example.id}
    grid, chosen = example.grid or range(example.frames), set(predicted.keyframes)
    if chosen:
        said |= {"selected": [place for place, at in enumerate(grid) if at in chosen], "selected_as": "indices"}
    if predicted.scores is not None:
        said["scores"] = [round(float(predicted.scores[at]), 6) for at in grid]
    if predicted.text:
        said["text"] = escape_marks(predicted.text)
    if len(said) == 1:
        said["error"] = "the model answered nothing"
    return said


def write_predictions(path: Path, answers: Iterable[Answer]) -> int:
    """Write the file as a whole; returns how many videos it has."""
    lines = [json.dumps(record(answer)) for answer in answers]
    write_whole(path, "\n".join(lines) + "\n")
    return len(lines)
