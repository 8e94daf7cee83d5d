"""The refresh flow: opt-outs, new sources, looks at published videos, and the version that comes next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from curation.workspace import Workspace
from flows.artifacts import refresh_figures
from tasks.refresh import refresh_sources


@flow(name="refresh", flow_run_name="refresh {workspace}", persist_result=False)
def refresh(workspace: str, limit: int | None = None, dry_run: bool = False) -> dict[str, Any]:
    """Refresh a workspace as `v2xum refresh` does; returns the JSON value that the command prints.

    `limit`: at most so many published videos are looked at. Raises ConfigError for a wrong list of opt-outs and for a
    release that cannot be read, and RunStopped (WorkspaceBusy, StorageFull); what was found until then is kept.
    """
    root = Workspace(Path(workspace)).require().root
    report = refresh_sources(str(root), limit, dry_run=dry_run)
    create_markdown_artifact(key="refresh", markdown=refresh_figures(report), description="what became of sources")
    return report.model_dump(mode="json")
