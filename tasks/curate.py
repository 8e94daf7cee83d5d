"""Prefect tasks of curation: a stage over a shard, and a shard through all its stages."""

from __future__ import annotations

from prefect import task
from prefect.cache_policies import NO_CACHE

from curation.ledger.stages import STAGES
from curation.pipeline.run import Shard, run_of
from curation.pipeline.thin import thin_pictures
from tasks import policies


@task(name="stage", cache_policy=NO_CACHE, persist_result=False)
def run_stage(stage: str, shard: Shard) -> None:
    """Carry a shard's videos through one stage; results and rejections are rows of the ledger."""
    run_of(shard.workspace).carry(stage, shard.ids)


@task(name="shard", cache_policy=NO_CACHE, persist_result=False)
def curate_shard(shard: Shard) -> None:
    """All stages of one shard, in order; other shards are at other stages meanwhile.

    Then the pictures of finished videos are dropped, without a task run: one costs more than that work.
    """
    for stage in STAGES.names:
        run_stage.with_options(**policies.options(stage, shard.number))(stage, shard)
    thin_pictures(run_of(shard.workspace).services, shard.ids)


@task(name="restore", cache_policy=NO_CACHE, persist_result=False)
def restore_files(workspace: str, ids: list[str]) -> None:
    """Fetch again the video files that the store lost; no result of a stage changes."""
    run_of(workspace).bring_back(ids)
