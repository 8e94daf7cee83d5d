"""The summary of the last report, for commands that only read it."""

from __future__ import annotations

from pathlib import Path

from curation.workspace import Workspace
from schemas.documents.run_summary import RunSummary
from schemas.documents.status import WorkspaceStatus


def summary_path(workspace: Workspace) -> Path:
    """Where the summary of a workspace lies."""
    return workspace.root / "report" / "summary.json"


def last_summary(workspace: Workspace) -> RunSummary | None:
    """The summary that was written last; None when there is none of this version."""
    try:
        return RunSummary.model_validate_json(summary_path(workspace).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def with_findings(status: WorkspaceStatus, workspace: Workspace) -> WorkspaceStatus:
    """The status with the findings of the last report, if there is one."""
    summary = last_summary(workspace)
    return status.model_copy(update={"findings": summary.findings}) if summary is not None else status
