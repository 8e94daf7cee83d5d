"""The probe flow: runs all stages for some videos, as curating does, and exports nothing."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path

from prefect import flow
from sqlalchemy.exc import OperationalError

from curation.ledger import duplicates
from curation.pipeline.run import Shard, run_of
from flows.curate import run_shards
from schemas.errors import ConfigError, RunStopped


@flow(name="probe", flow_run_name="probe {workspace.name}", persist_result=False)
def probe(workspace: Path, ids: list[str]) -> None:
    """Run the stages for the videos `ids` of an open run; `v2xum curate` uses the results.

    Shards are small, so that as many are in flight as in a whole run. Raises RunStopped and ConfigError as `curate`.
    """
    run = run_of(str(workspace))
    config, ledger = run.services.config.run, run.services.ledger
    size = min(config.shard_size, math.ceil(len(ids) / config.shards_in_flight))
    chunks = [tuple(ids[start : start + size]) for start in range(0, len(ids), size)]
    number = ledger.begin_run("probing")
    try:
        run_shards(run, [Shard(str(workspace), i, chunk) for i, chunk in enumerate(chunks)])
        duplicates.settle(ledger)
    except (RunStopped, ConfigError):
        with contextlib.suppress(OperationalError):
            ledger.end_run(number, "probe stopped", run.counts.rows())
        raise
    ledger.end_run(number, "probed", run.counts.rows())
