"""The Prefect task that evaluates predictions, as `v2xum evaluate` does."""

from __future__ import annotations

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from evaluation.request import EvaluateRequest, evaluate_here
from schemas.documents.evaluation import Evaluation


@task(name="evaluate", cache_policy=NO_CACHE, persist_result=False)
def evaluate_predictions(request: EvaluateRequest) -> tuple[Evaluation, Path]:
    """Evaluate and write the files into `request.out`. Returns the document and the path of the page."""
    evaluated, page = evaluate_here(request)
    return evaluated.evaluation, page
