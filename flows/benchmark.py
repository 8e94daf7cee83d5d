"""The benchmark flow: evaluates the predictions of systems against references, and stores the result as artifacts."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from evaluation.report.markdown import markdown
from evaluation.request import EvaluateRequest
from schemas.evaluation import Evaluation
from tasks.evaluate import evaluate_predictions


@flow(name="benchmark", persist_result=False)
def benchmark(request: EvaluateRequest) -> dict[str, Any]:
    """Evaluate the predictions that `request` names; returns the path of the report and the metrics of every row.

    Raises ConfigError for input that cannot be used at all.
    """
    evaluation, page = evaluate_predictions(request)
    rows = table(evaluation)
    create_table_artifact(key="benchmark", table=rows, description=evaluation.provenance.protocol)
    create_markdown_artifact(key="benchmark-report", markdown=markdown(evaluation), description=str(page))
    return {"report": str(page), "rows": rows}


def table(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return one row for each system and baseline: name, kind, and the value of each metric or None."""
    return [
        {"name": row.name, "kind": row.kind, **{metric.name: metric.value for metric in row.metrics}}
        for row in evaluation.systems
    ]
