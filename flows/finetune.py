"""The flow that trains a summarizer from a release, evaluates it, and shows the figures as Prefect artifacts."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.artifacts import create_table_artifact

from flows.benchmark import table
from flows.train_steps import evaluation_request, open_training, write_results
from tasks.evaluate import evaluate_predictions
from tasks.train import fit_summarizer, make_features, predict_split
from training.run import TrainRequest


@flow(name="finetune", flow_run_name="finetune {request.config.name}", persist_result=False)
def finetune(request: TrainRequest) -> dict[str, Any]:
    """Train as `request` says. Returns the model's folder, every metric of every row, and the path of the report."""
    training = open_training(request)
    make_features(training)
    result = fit_summarizer(training)
    files = predict_split(training, result.model)
    evaluation, page = evaluate_predictions(evaluation_request(training, result, files))
    write_results(training, result, evaluation, {"training": result.seconds})
    rows = table(evaluation)
    create_table_artifact(key="finetune", table=rows, description=evaluation.provenance.protocol)
    return {"model": str(result.model), "report": str(page), "rows": rows}
