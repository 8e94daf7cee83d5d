"""Prefect task of export: the ledger's finished samples become the dataset folder."""

from __future__ import annotations

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE

from curation.dataset.export import export_workspace
from curation.pipeline.run import run_of
from schemas.manifest import Manifest


@task(name="export", cache_policy=NO_CACHE, persist_result=False)
def export_dataset(workspace: str, allow_fewer: bool = False) -> Manifest:
    """Write WORKSPACE/export, unless it is up to date and sound. Raises FewerSamples unless `allow_fewer`."""
    run = run_of(workspace)

    def note(text: str) -> None:
        run.notes.append(text)
        get_run_logger().warning(text)

    return export_workspace(run.workspace, run.services, allow_fewer=allow_fewer, note=note)
