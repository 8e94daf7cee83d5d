"""Trains a summarizer from a terminal: release, features, training, evaluation, card; the Prefect flow does the same.

OUT/evaluation     what `v2xum evaluate` writes: evaluation.json, tables, report.html
OUT/results.json   by system and metric [value, low, high], and seconds
OUT/model/README.md, loss.png     the model card
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from curation.store.files import write_whole
from evaluation.report.write import refuse_unusable
from evaluation.request import EvaluateRequest, TrainingCurves, evaluate_here
from flows.train_card import write_card
from flows.train_data import read_files, which_videos
from schemas.documents.evaluation import Evaluation, SystemKind
from training.fit import FitResult
from training.run import Hooks, Training, TrainRequest

COMPARED: dict[str, SystemKind] = {"untrained": "untrained", "zero_shot": "zero-shot", "uniform": "uniform"}
"""The rows of a training that are no results of it, and what they are."""


class Trained(NamedTuple):
    """What a training leaves: the training, its evaluation, and the page of that."""

    fit: FitResult
    evaluation: Evaluation
    page: Path
    results: Path


def train_here(request: TrainRequest, hooks: Hooks) -> Trained:
    """Train and evaluate in this process. Raises ConfigError, RunStopped and what the steps raise."""
    training = open_training(request)
    refuse_unusable(request.out / "evaluation")
    began = time.monotonic()
    training.make_features(hooks)
    made = time.monotonic()
    result = training.fit(hooks)
    fitted = time.monotonic()
    evaluated, page = evaluate_here(evaluation_request(training, result, training.predictions(result.model, hooks)))
    evaluation = evaluated.evaluation
    seconds = {"features": made - began, "training": fitted - made, "evaluation": time.monotonic() - fitted}
    return Trained(result, evaluation, page, write_results(training, result, evaluation, seconds))


def open_training(request: TrainRequest) -> Training:
    """The training of a request, on a release or on other files. Raises ConfigError."""
    return Training(request, read_files(request) if request.files else None)


def evaluation_request(training: Training, fit: FitResult, files: Mapping[str, Path]) -> EvaluateRequest:
    """How the predictions in `files` are scored: on the evaluated split or fold, as `v2xum evaluate` does."""
    wanted, request = training.config.evaluation, training.request
    return EvaluateRequest(
        predictions=tuple(f"{name}={path}" for name, path in files.items()),
        references=request.files or (training.release.folder,),
        protocol=wanted.protocol,
        **which_videos(request),
        title=training.release.name,
        kinds={name: kind for name, kind in COMPARED.items() if name in files},
        curves=TrainingCurves(training=fit.losses, validation=fit.validation, rates=fit.rates, best_step=fit.best_step),
        out=training.out / "evaluation",
        clip=wanted.clip,
        text=wanted.text,
    )


def write_results(training: Training, result: FitResult, evaluation: Evaluation, seconds: dict[str, float]) -> Path:
    """Write the model's card and OUT/results.json, whose path is returned."""
    write_card(training, result, evaluation)
    path = training.out / "results.json"
    spent = {name: round(value, 2) for name, value in seconds.items()}
    write_whole(
        path, json.dumps({**figures_of(evaluation), "seconds": spent, "busy": round(result.busy, 4)}, indent=2) + "\n"
    )
    return path


def figures_of(evaluation: Evaluation) -> dict[str, dict[str, list[float | None]]]:
    """By system and metric `[value, low, high]`; metrics without a value are left out."""
    return {
        row.name: {m.name: [m.value, m.low, m.high] for m in row.metrics if m.value is not None}
        for row in evaluation.systems
    }
