"""The Prefect task of a refresh."""

from __future__ import annotations

from pathlib import Path

from prefect import task
from prefect.cache_policies import NO_CACHE

from curation.release.refresh.refresh import refresh_workspace
from curation.workspace import Workspace
from schemas.documents.refresh import RefreshReport


@task(name="refresh", cache_policy=NO_CACHE, persist_result=False)
def refresh_sources(workspace: str, limit: int | None = None, *, dry_run: bool = False) -> RefreshReport:
    """Refresh a workspace as `v2xum refresh` does. Raises as `curation.release.refresh.refresh.refresh_workspace`."""
    return refresh_workspace(Workspace(Path(workspace)), limit=limit, dry_run=dry_run)
