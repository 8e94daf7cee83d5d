"""Prefect flows of the review: push, pull and report, to be deployed on a schedule.

`review-pull` emits the event `v2xum.review.batch-complete` when the last open task is judged. An automation of a
Prefect server can wait for it (configs/schedules/prefect.yaml has one).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.events import emit_event
from pydantic import Field

from curation.workspace import Workspace as WorkspaceFolder
from flows.review_steps import pull_workspace, push_workspace, report_workspace
from flows.shared.events import COMPLETE, tells_of_failure, workspace_resource
from flows.shared.parameters import Count, Project, Share, Workspace
from schemas.safe_text import plain_line

Size = Annotated[int, Field(ge=0)]
_EMPTY = "Empty: the configuration's."


@flow(name="review-push", flow_run_name="review-push {workspace}", persist_result=False)
@tells_of_failure("review-push")
def review_push(
    workspace: Workspace,
    project: Project = None,
    changes: dict[str, Any] | None = None,
    again: Annotated[
        bool, Field(description="Also push samples that enough people have judged in another project.")
    ] = False,
    random: Annotated[Size | None, Field(description=f"Size of the random stratum. {_EMPTY}")] = None,
    active: Annotated[
        Size | None, Field(description=f"Size of the active stratum: worst audits, rare categories. {_EMPTY}")
    ] = None,
    gold: Annotated[Size | None, Field(description=f"Number of questions with known answers. {_EMPTY}")] = None,
    annotators: Annotated[
        Count | None, Field(description=f"How many people judge each sample of the shared part. {_EMPTY}")
    ] = None,
    overlap: Annotated[
        Share | None, Field(description=f"The share of samples that several people judge, 0 to 1. {_EMPTY}")
    ] = None,
) -> dict[str, Any]:
    """Push the samples that the configuration's section `review` chooses, with other values of its keys.

    `changes` holds such values too; a value of its own parameter goes before. Returns what `v2xum review push --json`
    prints. The server is the one that V2XUM_LABEL_STUDIO_URL and V2XUM_LABEL_STUDIO_TOKEN name, or the one that
    `v2xum review serve` runs. Raises ConfigError and RunStopped as the command does.
    """
    place = WorkspaceFolder(Path(workspace)).require()
    given = {"random": random, "active": active, "gold": gold, "annotators": annotators, "overlap": overlap}
    values = {**(changes or {}), **{name: value for name, value in given.items() if value is not None}}
    return push_workspace(place, project, values, again=again)._asdict()


@flow(name="review-pull", flow_run_name="review-pull {workspace}", persist_result=False)
@tells_of_failure("review-pull")
def review_pull(workspace: Workspace, project: Project = None) -> dict[str, Any]:
    """Store people's verdicts since the last pull; emit `COMPLETE` once when no task is open any more.

    Returns what `v2xum review pull --json` prints.
    """
    place = WorkspaceFolder(Path(workspace)).require()
    result = pull_workspace(place, project)
    if result.completed:
        emit_event(
            COMPLETE,
            resource={"prefect.resource.id": f"v2xum.review.{result.key}", "prefect.resource.name": result.title},
            related=[{**workspace_resource(place.root), "prefect.resource.role": "workspace"}],
            payload={"tasks": result.completed, "project": result.title, "workspace": place.root.name},
        )
    return result._asdict()


@flow(name="review-report", flow_run_name="review-report {workspace}", persist_result=False)
@tells_of_failure("review-report")
def review_report(workspace: Workspace) -> dict[str, Any]:
    """Write the report and an artifact that names it; returns the report's JSON value."""
    figures, page = report_workspace(WorkspaceFolder(Path(workspace)).require())
    text = f"Review of {plain_line(figures.name)}: `{page.name}` in the workspace's report folder."
    create_markdown_artifact(key="review-report", markdown=text, description="Progress of the review")
    return figures.model_dump(mode="json")
