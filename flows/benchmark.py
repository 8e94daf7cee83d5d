"""The benchmark flow: evaluates systems against references, and stores the result as Prefect artifacts."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from evaluation.report.markdown import markdown
from evaluation.request import EvaluateRequest
from schemas.documents.evaluation import Evaluation
from tasks.evaluate import evaluate_predictions


@flow(name="benchmark", flow_run_name="benchmark {request.out}", persist_result=False)
def benchmark(request: EvaluateRequest) -> dict[str, Any]:
    """Evaluate as `request` says. Returns every metric of every row, and the path of the report.

    Raises ConfigError for input that cannot be used at all.
    """
    evaluation, page = evaluate_predictions(request)
    rows = table(evaluation)
    create_table_artifact(key="benchmark", table=rows, description=evaluation.provenance.protocol)
    create_markdown_artifact(key="benchmark-report", markdown=markdown(evaluation), description=str(page))
    return {"report": str(page), "rows": rows}


def table(evaluation: Evaluation) -> list[dict[str, Any]]:
    """One row for each system and baseline, with its metrics by name; None where a metric has no value."""
    return [
        {"name": row.name, "kind": row.kind, **{metric.name: metric.value for metric in row.metrics}}
        for row in evaluation.systems
    ]
