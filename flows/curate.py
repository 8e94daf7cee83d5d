"""The curate flow: turns sources into an exported dataset, shard by shard; it can be resumed at any point."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import httpx
from prefect import flow
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.exceptions import PrefectException
from prefect.futures import PrefectFuture, as_completed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner
from sqlalchemy.exc import OperationalError

from curation.dataset.export import begin
from curation.ledger import duplicates
from curation.pipeline.run import Run, Shard, open_run, run_of
from curation.report.write import report_path, try_report
from curation.status.counts import summarize
from flows.artifacts import figures
from flows.prometheus import serve_metrics
from flows.shared.events import tell_of_failure, tells_of_failure
from flows.worst_samples import try_worst_samples
from schemas.configuration.config import CurateConfig
from schemas.documents.status import WorkspaceStatus
from schemas.errors import AllAlike, BindingBroken, BudgetReached, ConfigError, RunStopped
from schemas.safe_text import plain_line
from tasks.curate import curate_on_nodes, curate_shard, restore_files
from tasks.export import export_dataset

SHARDS_A_FLOW = 50  # 9 task runs for each shard: one flow run records a few hundred reliably


@flow(name="curate-shards", persist_result=False)
def curate_shards(shards: list[Shard]) -> None:
    """Curate shards, several at a time; raises the first error that stops the run, after the others have stopped."""
    # In a flow that is not async these calls return values; their type says they might be coroutines.
    progress = cast(UUID, create_progress_artifact(progress=0.0, key="curate", description="shards of this flow run"))
    futures = curate_shard.map(shards)
    try:
        for done, future in enumerate(as_completed(list(futures)), start=1):
            future.result()
            update_progress_artifact(artifact_id=progress, progress=100.0 * done / len(shards))
    except BaseException:  # also Prefect's own signal, by which a worker cancels a flow run
        run_of(shards[0].workspace).services.stop.set()  # the other shards stop within seconds, not at their ends
        raise


@flow(name="curate", flow_run_name="curate {config.name}", persist_result=False)
@tells_of_failure("curate")
def curate(
    config: CurateConfig, workspace: Path, limit: int | None = None, *, adopt: bool = False, allow_fewer: bool = False
) -> WorkspaceStatus:
    """Register the configuration's sources, run the stages that are due, export; returns the workspace's status.

    `adopt`: also where the workspace is of a dataset with another name (else ConfigError). `allow_fewer`: also when
    samples of the last export leave it without a reason (else FewerSamples, before any work where that is known).
    Raises RunStopped (WorkspaceBusy, StorageFull, Interrupted, BudgetReached) when the run cannot continue. Finished
    results are kept, and the same call continues from them.
    """
    with (
        open_run(workspace, config) as run,
        _telling(run, workspace),
        serve_metrics(config.run.metrics_port, run.services.meter, run.counts),
    ):
        ids = begin(run, limit, adopt=adopt, allow_fewer=allow_fewer)
        ledger = run.services.ledger
        number = ledger.begin_run()
        try:
            with run.history:
                _carry(run, ids, allow_fewer)
        except BaseException as error:  # also Prefect's own signal, by which a worker cancels a flow run
            known = isinstance(error, RunStopped | ConfigError)
            cancelled = not isinstance(error, Exception)
            outcome = "budget" if isinstance(error, BudgetReached) else "stopped" if known or cancelled else "failed"
            with contextlib.suppress(OperationalError):  # a full disk; the error that stopped the run is more useful
                ledger.end_run(number, outcome, run.counts.rows())
            if not cancelled:  # the worker waits some seconds only, and the report can be written later
                _conclude(run, plain_line(str(error) if known else f"{type(error).__name__}: {error}"))
            raise
        ledger.end_run(number, "finished", run.counts.rows())
        _conclude(run)
        counts = summarize(run.services.view)
    table = [
        {"stage": stage, "done": row.done, "rejected": row.rejected, "due": row.due}
        for stage, row in counts.stages.items()
    ]
    create_table_artifact(key="curate-summary", table=table, description="videos by stage")
    return counts


def run_shards(run: Run, shards: list[Shard]) -> None:
    """Curate shards of an open run, `run.shards_in_flight` at a time. Raises as `curate_shards`."""
    in_flight = run.services.config.run.shards_in_flight
    runner = cast(TaskRunner[PrefectFuture[Any]], ThreadPoolTaskRunner[Any](max_workers=in_flight))
    name = f"{run.services.config.name} shards {shards[0].number:05d}-{shards[-1].number:05d}"
    with _settled(run):
        curate_shards.with_options(task_runner=runner, flow_run_name=name)(shards)


@contextlib.contextmanager
def _settled(run: Run) -> Iterator[None]:
    """Complete an error that stops the run, after all threads of its work have ended."""
    try:
        yield
    except BindingBroken:
        run.services.binding.raise_if_stopped()  # this message has every finding
        raise
    except AllAlike:
        run.watch.take_back(run.services.ledger)  # no further row is written
        raise


def _conclude(run: Run, why: str | None = None) -> None:
    """Write the report, and store artifacts: its figures, and the worst samples, of a run that was not stopped.

    A failure of either does not change how the run ended.
    """
    summary = try_report(run.workspace, run.services, run.history, why)
    if summary is not None:
        text = figures(summary, report_path(run.workspace))
        with contextlib.suppress(
            PrefectException, httpx.HTTPError, OSError
        ):  # Prefect's server may be the reason for the stop
            create_markdown_artifact(key="curate-report", markdown=text, description="what the run did")
            if why is None and (worst := try_worst_samples(run.services)) is not None:
                create_markdown_artifact(key="curate-worst", markdown=worst, description="the worst audits: look here")


@contextlib.contextmanager
def _telling(run: Run, workspace: Path) -> Iterator[None]:
    """Emit the event of an error that stops the run, with counts."""
    try:
        yield
    except Exception as error:
        tell_of_failure(error, workspace, "curate", _counts(run))
        raise


def _counts(run: Run) -> dict[str, int]:
    """How many videos stand how, for an event; nothing where the ledger cannot say it."""
    with contextlib.suppress(OperationalError):
        status = summarize(run.services.view)
        return {name: getattr(status, name) for name in ("samples", "rejected", "retryable", "pending")}
    return {}


def _carry(run: Run, ids: list[str], allow_fewer: bool) -> None:
    """Curate the videos that are due, until neither duplicates nor replaced files make others due; then export."""
    config, root = run.services.config.run, str(run.workspace.root)
    if run.early_error is not None:
        with _settled(run):
            raise run.early_error
    todo = run.due(ids)
    on_nodes = config.engine == "ray"
    if not on_nodes:
        run.open_models(todo)
    while todo:
        if on_nodes:
            with _settled(run):
                curate_on_nodes(root, todo)
            todo = _due_again(run)
            continue
        chunks = [tuple(todo[i : i + config.shard_size]) for i in range(0, len(todo), config.shard_size)]
        shards = [Shard(root, number, chunk) for number, chunk in enumerate(chunks)]
        for start in range(0, len(shards), SHARDS_A_FLOW):
            run_shards(run, shards[start : start + SHARDS_A_FLOW])
        todo = _due_again(run)
    if missing := run.missing_files(ids):
        restore_files(root, missing)
    export_dataset(root, allow_fewer)


def _due_again(run: Run) -> list[str]:
    """The videos that others made due: duplicates of what is gone now, and those whose sources gave other bytes."""
    return run.due([*duplicates.settle(run.services.ledger), *run.services.restorer.take_replaced()])
