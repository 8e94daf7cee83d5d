"""The review as deployments: push, pull and report on a schedule, and an event when the last open task is judged.

An automation of a Prefect server can wait for `v2xum.review.batch-complete`, to curate, export or push the next batch.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.events import emit_event

from curation.workspace import Workspace
from flows.review_steps import pull_workspace, push_workspace, report_workspace
from schemas.safe_text import plain_line

COMPLETE = "v2xum.review.batch-complete"


@flow(name="review-push", persist_result=False)
def review_push(
    workspace: str, project: str | None = None, changes: dict[str, Any] | None = None, again: bool = False
) -> dict[str, Any]:
    """Push what the configuration's `review` section chooses, with `changes` to it; returns what the command prints.

    The server comes from V2XUM_LABEL_STUDIO_URL and V2XUM_LABEL_STUDIO_TOKEN, or is the one that `v2xum review serve`
    runs. Raises ConfigError and RunStopped as the command does.
    """
    place = Workspace(Path(workspace)).require()
    return push_workspace(place, project, changes or {}, again=again)._asdict()


@flow(name="review-pull", persist_result=False)
def review_pull(workspace: str, project: str | None = None) -> dict[str, Any]:
    """Store what people did since the last pull; emits `COMPLETE` once when nothing is open any more."""
    place = Workspace(Path(workspace)).require()
    result = pull_workspace(place, project)
    if result.completed:
        emit_event(
            COMPLETE,
            resource={"prefect.resource.id": f"v2xum.review.{result.key}", "prefect.resource.name": result.title},
            payload={"tasks": result.completed, "project": result.title, "workspace": place.root.name},
        )
    return result._asdict()


@flow(name="review-report", persist_result=False)
def review_report(workspace: str) -> dict[str, Any]:
    """Write the report anew, and its figures as an artifact."""
    found, page = report_workspace(Workspace(Path(workspace)).require())
    text = f"Review of {plain_line(found.name)}: `{page.name}` in the workspace's report folder."
    create_markdown_artifact(key="review-report", markdown=text, description="how far the review is")
    return found.model_dump(mode="json")
