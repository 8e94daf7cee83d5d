"""The Prefect tasks of a training: vectors of frames, the training itself, and its evaluation is `evaluate`'s."""

from __future__ import annotations

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from training.fit import FitResult
from training.run import Hooks, Training, TrainRequest


@task(name="features", cache_policy=NO_CACHE, persist_result=False)
def make_features(request: TrainRequest) -> None:
    """Check the release, and make the vectors that are missing."""
    Training(request).make_features(Hooks())


@task(name="fit", cache_policy=NO_CACHE, persist_result=False)
def fit_summarizer(request: TrainRequest) -> FitResult:
    """Train, or go on from the last checkpoint; OUT/model is the result."""
    return Training(request).fit(Hooks())


@task(name="predict", cache_policy=NO_CACHE, persist_result=False)
def predict_split(request: TrainRequest, model: Path) -> dict[str, Path]:
    """Files of predictions by the system's name."""
    return Training(request).predictions(model, Hooks())
