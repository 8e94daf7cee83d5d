"""The Prefect tasks of a training: vectors of frames, the training itself, and its evaluation is `evaluate`'s."""

from __future__ import annotations

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from training.fit import FitResult
from training.run import Hooks, Training


@task(name="features", cache_policy=NO_CACHE, persist_result=False)
def make_features(training: Training) -> None:
    """Make the vectors that are missing."""
    training.make_features(Hooks())


@task(name="fit", cache_policy=NO_CACHE, persist_result=False)
def fit_summarizer(training: Training) -> FitResult:
    """Train, or go on from the last checkpoint; OUT/model is the result."""
    return training.fit(Hooks())


@task(name="predict", cache_policy=NO_CACHE, persist_result=False)
def predict_split(training: Training, model: Path) -> dict[str, Path]:
    """Files of predictions by the system's name."""
    return training.predictions(model, Hooks())
