"""Prefect tasks of curation: a stage over a shard, and a shard through all its stages."""

from __future__ import annotations

from collections.abc import Mapping

from prefect import task
from prefect.cache_policies import NO_CACHE

from curation.ledger.entries import Head
from curation.ledger.stages import STAGE_NAMES, SUMMARY
from curation.pipeline.process import process
from curation.pipeline.run import Shard, run_of
from curation.pipeline.turns import workers
from schemas.records import Extract, Video
from tasks import policies


@task(name="stage", cache_policy=NO_CACHE, persist_result=False)
def run_stage(stage: str, shard: Shard) -> None:
    """Carry a shard's videos through one stage; results and rejections are rows of the ledger."""
    run = run_of(shard.workspace)
    services = run.services
    process(
        stage,
        shard.ids,
        ledger=services.ledger,
        settings=services.settings,
        work=services.work(stage),
        progress=run.counts,
        stop=services.stop,
        workers=workers(stage, services.config),
        turn=run.turns[stage].turn,
    )


@task(name="thin", cache_policy=NO_CACHE, persist_result=False)
def thin_pictures(shard: Shard) -> None:
    """Drop the sampled pictures of finished videos that the configuration does not keep."""
    services = run_of(shard.workspace).services
    if services.config.frames.keep == "all":
        return
    finished = [video_id for video_id, heads in services.ledger.heads(shard.ids).items() if _is_done(heads, SUMMARY)]
    videos: dict[str, Video] = {}
    for video_id, _, payload in services.ledger.payloads(finished, ("download",)):
        videos[video_id] = Video.model_validate_json(payload)
    for video_id, _, payload in services.ledger.payloads(finished, ("extract",)):
        services.pictures.thin(videos[video_id], Extract.model_validate_json(payload).keyframes)


def _is_done(heads: Mapping[str, Head], stage: str) -> bool:
    return stage in heads and heads[stage].status == "done"


@task(name="shard", cache_policy=NO_CACHE, persist_result=False)
def curate_shard(shard: Shard) -> None:
    """All stages of one shard, in order; other shards are at other stages meanwhile."""
    for stage in STAGE_NAMES:
        run_stage.with_options(**policies.options(stage, shard.number))(stage, shard)
    thin_pictures(shard)
