"""Prefect tasks of curation: a stage over a shard, a shard through all its stages, videos on the nodes of a cluster."""

from __future__ import annotations

import time
from typing import cast
from uuid import UUID

from prefect import task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE

from curation.pipeline.nodes.driver import carry_on_nodes
from curation.pipeline.run import Shard, run_of
from curation.pipeline.thin import thin_pictures
from tasks import policies

_SHOW = 2.0  # seconds between two changes of the progress that Prefect shows


@task(name="stage", cache_policy=NO_CACHE, persist_result=False)
def run_stage(stage: str, shard: Shard) -> None:
    """Carry a shard's videos through one stage; results and rejections are rows of the ledger."""
    run_of(shard.workspace).carry(stage, shard.ids)


@task(name="shard", cache_policy=NO_CACHE, persist_result=False)
def curate_shard(shard: Shard) -> None:
    """All stages of one shard, in order; other shards are at other stages meanwhile.

    Then the pictures of finished videos are dropped, without a task run: one costs more than that work.
    """
    run = run_of(shard.workspace)
    for stage in run.stages:
        run_stage.with_options(**policies.options(stage, shard.number, run.services.config))(stage, shard)
    thin_pictures(run.services, shard.ids)


@task(name="nodes", cache_policy=NO_CACHE, persist_result=False)
def curate_on_nodes(workspace: str, ids: list[str]) -> None:
    """Carry videos through all stages on the nodes of the configured cluster, and show how far they are.

    One task run, however many shards: Ray carries them, and what they made is in the ledger.
    """
    progress = cast(UUID, create_progress_artifact(progress=0.0, key="curate", description="videos on the nodes"))
    last = 0.0

    def show(done: int, of: int) -> None:
        nonlocal last
        if done == of or time.monotonic() - last > _SHOW:
            last = time.monotonic()
            update_progress_artifact(artifact_id=progress, progress=100.0 * done / of)

    run = run_of(workspace)
    shares = carry_on_nodes(run, ids, show)
    told = "; ".join(f"{name} {share.videos} videos" for name, share in sorted(shares.items()))
    run.notes.append(f"nodes: {told or 'none'}")


@task(name="restore", cache_policy=NO_CACHE, persist_result=False)
def restore_files(workspace: str, ids: list[str]) -> None:
    """Fetch again the video files that the store lost; no result of a stage changes."""
    run_of(workspace).bring_back(ids)
