"""Prefect task of export: the ledger's finished samples become the dataset folder."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from curation.dataset.export import export_workspace
from curation.pipeline.run import run_of
from schemas.manifest import Manifest


@task(name="export", cache_policy=NO_CACHE, persist_result=False)
def export_dataset(workspace: str) -> Manifest:
    """Write WORKSPACE/export, unless it is up to date."""
    run = run_of(workspace)
    return export_workspace(run.workspace, run.services)
