"""The benchmark flow: systems against a release, on a schedule or after it, with the result as artifacts."""

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
    """Evaluate what `request` names; returns every metric of every row, and where the report is.

    Raises ConfigError for input that cannot be used at all.
    """
    evaluation, page = evaluate_predictions(request)
    rows = table(evaluation)
    create_table_artifact(key="benchmark", table=rows, description=evaluation.provenance.protocol)
    create_markdown_artifact(key="benchmark-report", markdown=markdown(evaluation), description=str(page))
    return {"report": str(page), "rows": rows}


def table(evaluation: Evaluation) -> list[dict[str, Any]]:
    """A row a system or baseline: its metrics by name, None where there is none."""
    return [
        {"name": row.name, "kind": row.kind, **{metric.name: metric.value for metric in row.metrics}}
        for row in evaluation.systems
    ]
