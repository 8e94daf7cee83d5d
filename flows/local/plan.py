"""Estimates from a terminal what a configuration will take: curates a few videos and extrapolates to the rest."""

from __future__ import annotations

import shutil
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from curation.dataset.adopt import raise_if_another
from curation.pipeline.budget import bill
from curation.pipeline.counts import Counts
from curation.pipeline.run import Run, open_run
from curation.plan.costs import QUANTITIES, Probed, busy_seconds, gather, is_settled
from curation.plan.estimate import Measured, choose, document, estimate, problem, too_few
from curation.plan.pacing import pacing
from curation.status.standings import Standings, ahead, due
from flows.local.curate import with_sources
from flows.local.prefect_server import quiet_environment, server_beside
from flows.local.progress import Display
from flows.local.signals import stoppable
from schemas.configuration.config import CurateConfig
from schemas.documents.plan import Pacing, Plan, ProbeCost
from schemas.errors import ConfigError


def plan_here(
    config: CurateConfig,
    root: Path,
    sources: Sequence[str],
    probe: int,
    limit: int | None = None,
    *,
    as_json: bool = False,
) -> Plan:
    """Curate `probe` random videos of those that are due in the workspace `root`, and estimate what the others take.

    Progress is written to stderr, with `as_json` as JSON lines.
    The plan's `estimate` is None when nothing can be extrapolated; `note` gives the reason. Raises ConfigError, before
    anything is curated, when the videos would be too few with the probed ones, and what `curate_here` raises.
    """
    config = with_sources(config, sources)
    stop = threading.Event()
    with Display(as_json=as_json) as display:
        return stoppable(lambda: _plan(config, root, probe, limit, stop, display), stop)


def _plan(
    config: CurateConfig, root: Path, probe: int, limit: int | None, stop: threading.Event, display: Display
) -> Plan:
    with open_run(root, config, Counts(display.show), stop) as run:
        raise_if_another(run.workspace, run.services)
        ids = run.register(limit)
        run.save_config()
        chosen = choose(due(run.services.view, ids), probe, config.name)
        settled = {one.source.id for one in Standings(run.services.view).walk() if is_settled(one)}
        if chosen and (why := too_few(len(settled), len(settled.union(chosen)), probe)):
            raise ConfigError(why)
        display.total(len(chosen))
        began = time.time()
        started = _probe(run, root, chosen) if chosen else 0.0
        seconds = time.time() - began if chosen else 0.0
        probed = gather(run.services, chosen)
        # A video that failed for now is due again; it will take what similar videos took.
        waiting = ahead(run.services.view, ids)
        measured = _measured(run, probed, chosen, began, started)
        return _answer(run, len(ids), waiting, probed, measured, len(chosen), seconds)


def _probe(run: Run, root: Path, chosen: list[str]) -> float:
    """Curate the chosen videos; returns the seconds that opening the models took."""
    quiet_environment(root / "prefect")
    with server_beside(root / "prefect", run.services.raise_if_interrupted) as server:
        from prefect.settings import temporary_settings

        from flows.probe import probe  # Prefect takes seconds to import

        settings = server.settings()
        began = time.monotonic()
        # Models are opened once in a run: their time must not count as the first video's.
        run.open_models(chosen)
        started = time.monotonic() - began
        with temporary_settings(settings):
            probe(root, chosen)
    return started


def _measured(run: Run, probed: Probed, chosen: list[str], since: float, started: float) -> Measured:
    """Compare the run's meter with the ledger, for the results that this run made since a Unix time."""
    reading = run.services.meter.read()
    fresh = [span for spans in probed.spans for span in spans if span.began >= since]
    lane = busy_seconds(fresh, "model")
    served = reading.busy_seconds / lane if reading.busy_seconds and lane else 1.0
    made = [i for i, video in enumerate(probed.ids) if video in chosen]
    whole = all(span.began >= since for i in made for span in probed.spans[i])
    names = [i for i, name in enumerate(QUANTITIES) if name.endswith(("_tokens_in", "_tokens_out"))]
    counted = float(probed.cost[made][:, :, names].sum())
    # The two can be compared only when this run paid for every token of these videos.
    paid = (reading.tokens_in + reading.tokens_out) / counted if counted and whole and not reading.cached else 1.0
    return Measured(started, min(served, 1.0), max(paid, 1.0))


def _answer(
    run: Run,
    videos: int,
    waiting: dict[str, frozenset[str]],
    probed: Probed,
    measured: Measured,
    now: int,
    seconds: float,
) -> Plan:
    config = run.services.config
    note = problem(probed, waiting) if waiting else "nothing is due: every video is settled"
    paced = _paced(run, waiting)
    if paced is not None:
        measured = measured._replace(paced_seconds=paced.least_hours * 3600)
    reading = run.services.meter.read()
    return Plan(
        videos=videos,
        due_videos=len(waiting),
        settled_videos=probed.settled,
        again=dict(_again(run, waiting)),
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
        pacing=paced,
        estimate=document(estimate(probed, waiting, config, measured), config) if note is None else None,
    )


def _again(run: Run, waiting: dict[str, frozenset[str]]) -> Counter[str]:
    """The stages at which finished videos are due again, with their numbers."""
    due = (one for one in Standings(run.services.view).walk(list(waiting)) if one.outdated)
    return Counter(one.where.stage for one in due if one.where.stage is not None)


def _paced(run: Run, waiting: dict[str, frozenset[str]]) -> Pacing | None:
    unfetched = [video for video, ahead in waiting.items() if "download" in ahead]
    registered = run.services.ledger.sources(unfetched) if unfetched else ()
    sources = (one.source() for one in registered)
    return pacing((source for source in sources if source is not None), run.services.config.download.pace)
