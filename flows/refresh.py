"""The refresh flow: opt-outs, new sources, looks at published videos, and the version that comes next."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from pydantic import Field

from curation.workspace import Workspace as WorkspaceFolder
from flows.artifacts import refresh_figures
from flows.shared.events import tells_of_failure
from flows.shared.parameters import Count, Workspace
from tasks.refresh import refresh_sources


@flow(name="refresh", flow_run_name="refresh {workspace}", persist_result=False)
@tells_of_failure("refresh")
def refresh(
    workspace: Workspace,
    limit: Annotated[
        Count | None, Field(description="Look at only so many published videos, the longest unseen first.")
    ] = None,
    dry_run: Annotated[bool, Field(description="Say what is due and new; ask nobody, and store nothing.")] = False,
) -> dict[str, Any]:
    """Refresh a workspace as `v2xum refresh` does; returns the JSON value that the command prints.

    `limit`: at most so many published videos are looked at. Raises ConfigError for a wrong list of opt-outs and for a
    release that cannot be read, and RunStopped (WorkspaceBusy, StorageFull); what was found until then is kept.
    """
    root = WorkspaceFolder(Path(workspace)).require().root
    report = refresh_sources(str(root), limit, dry_run=dry_run)
    create_markdown_artifact(key="refresh", markdown=refresh_figures(report), description="what became of sources")
    return report.model_dump(mode="json")
