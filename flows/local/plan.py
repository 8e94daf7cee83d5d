"""Probes some videos of a configuration from a terminal and extrapolates to the rest."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from curation.pipeline.budget import bill
from curation.pipeline.counts import Counts
from curation.pipeline.run import Run, open_run
from curation.plan.costs import QUANTITIES, Probed, busy_seconds, gather
from curation.plan.estimate import Measured, choose, document, estimate, problem
from curation.status.standings import due
from flows.local.curate import stop_on_interrupt
from flows.local.prefect_server import local_server, quiet_environment
from flows.local.progress import Display
from schemas.config import CurateConfig, SourceSpec
from schemas.errors import ConfigError
from schemas.plan import Plan, ProbeCost


def plan_here(config: CurateConfig, root: Path, sources: Sequence[str], probe: int, limit: int | None = None) -> Plan:
    """Curate `probe` random videos of those that are due in the workspace `root`, and say what the others will take.

    The answer's `estimate` is None when there is too little to go by; `note` says why. Raises what curating raises.
    """
    if sources:
        config = config.model_copy(update={"sources": tuple(SourceSpec(at=at) for at in sources)})
    if not config.sources:
        raise ConfigError("no sources: give --source, or `sources:` in the configuration")
    with Display() as display, open_run(root, config, Counts(display.show)) as run:
        ids = run.register(limit)
        stages = due(run.services.view, ids)
        chosen = choose(stages, probe, config.name)
        display.total(len(chosen))
        began = time.time()
        started = _probe(run, root, chosen) if chosen else 0.0
        seconds = time.time() - began if chosen else 0.0
        probed = gather(run.services, chosen)
        # A video that failed for now is due again: what it will take is what its like took.
        stages = due(run.services.view, ids)
        measured = _measured(run, probed, chosen, began, started)
        return _answer(run, len(ids), stages, probed, measured, len(chosen), seconds)


def _probe(run: Run, root: Path, chosen: list[str]) -> float:
    """Curate the chosen videos; returns the seconds that opening the models took."""
    quiet_environment(root / "prefect")
    with local_server(root / "prefect") as url, stop_on_interrupt(run.services.stop):
        from prefect.settings import PREFECT_API_URL, temporary_settings

        from flows.probe import probe  # Prefect takes seconds to import: only here is it needed

        began = time.monotonic()
        # Weights are loaded, and servers asked for, once a run: not on the first video's account.
        services = run.services
        _ = services.captioner, services.summarizer, services.judge, services.clip, services.embedder
        started = time.monotonic() - began
        with temporary_settings({PREFECT_API_URL: url}):
            probe(root, chosen)
    return started


def _measured(run: Run, probed: Probed, chosen: list[str], since: float, started: float) -> Measured:
    """What the meter of this run says beside the ledger, for the videos that this run made (since a Unix time)."""
    reading = run.services.meter.read()
    fresh = [span for one in probed.spans for span in one if span.began >= since]
    lane = busy_seconds(fresh, "model")
    served = reading.busy_seconds / lane if reading.busy_seconds and lane else 1.0
    made = [i for i, video in enumerate(probed.ids) if video in chosen]
    whole = all(span.began >= since for i in made for span in probed.spans[i])
    names = [i for i, name in enumerate(QUANTITIES) if name.endswith(("_tokens_in", "_tokens_out"))]
    told = float(probed.cost[made][:, :, names].sum())
    # Only where every token of these videos was paid for just now can the two be compared.
    paid = (reading.tokens_in + reading.tokens_out) / told if told and whole and not reading.cached else 1.0
    return Measured(started, min(served, 1.0), max(paid, 1.0))


def _answer(
    run: Run, videos: int, due_stages: dict[str, str], probed: Probed, measured: Measured, now: int, seconds: float
) -> Plan:
    config = run.services.config
    note = problem(probed, due_stages) if due_stages else "nothing is due: every video is settled"
    reading = run.services.meter.read()
    return Plan(
        videos=videos,
        due_videos=len(due_stages),
        settled_videos=probed.settled,
        probe=ProbeCost(
            videos=now,
            wall_hours=round(seconds / 3600, 6),
            tokens_in=reading.tokens_in,
            tokens_out=reading.tokens_out,
            cost=round(bill(config.prices, seconds, reading.tokens_in, reading.tokens_out).total, 4),
            start_hours=round(measured.start_seconds / 3600, 6),
        ),
        disk_free_megabytes=round(shutil.disk_usage(run.workspace.root).free / 1e6, 1),
        note=note,
        estimate=document(estimate(probed, due_stages, config, measured), config) if note is None else None,
    )
