"""Runs the curate flow from a terminal, with a Prefect server of its own, a progress display, stopped by signals."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from curation.dataset.export import begin, is_exported
from curation.ledger.runs import IDLE
from curation.pipeline.budget import Budget
from curation.pipeline.counts import Counts
from curation.pipeline.run import open_run
from curation.report.write import report_path, try_report
from curation.status.counts import summarize
from flows.local.head_start import head_start
from flows.local.prefect_server import quiet_environment, server_beside
from flows.local.progress import Display
from flows.local.signals import stoppable
from flows.prometheus import require_port
from schemas.configuration.config import CurateConfig, SourceSpec
from schemas.documents.status import WorkspaceStatus
from schemas.errors import ConfigError, RunStopped
from schemas.kit.utf8 import is_utf8, quoted
from schemas.safe_text import plain


def curate_here(
    config: CurateConfig,
    root: Path,
    sources: Sequence[str],
    limit: int | None,
    budget: Budget | None = None,
    *,
    adopt: bool = False,
    allow_fewer: bool = False,
    as_json: bool = False,
    stop: threading.Event | None = None,
) -> WorkspaceStatus:
    """Curate into the workspace `root`; returns the workspace's status. Notes and progress are written to stderr.

    `sources`, when given, replace those of the configuration.
    `as_json`: progress as JSON lines. `stop`: the caller sets it to stop the run at a safe point; without it Ctrl-C and
    SIGTERM do that, and end the process where no safe point comes. A run with nothing to do starts no server. Raises
    ConfigError without sources, BudgetReached when `budget` is used up, and what `curate` raises.
    """
    config = with_sources(config, sources)
    stopping = stop if stop is not None else threading.Event()
    notes: list[str] = []

    def curate() -> WorkspaceStatus:
        with Display(as_json=as_json) as display:
            return _curate(config, root, limit, budget, stopping, notes, display, adopt=adopt, allow_fewer=allow_fewer)

    try:
        return curate() if stop is not None else stoppable(curate, stopping)
    finally:
        for note in notes:
            sys.stderr.write(f"v2xum: {plain(note, 2000)}\n")


def _curate(
    config: CurateConfig,
    root: Path,
    limit: int | None,
    budget: Budget | None,
    stop: threading.Event,
    notes: list[str],
    display: Display,
    *,
    adopt: bool,
    allow_fewer: bool,
) -> WorkspaceStatus:
    with open_run(root, config, Counts(display.show), stop) as run:
        run.notes = notes
        run.services.budget = budget
        run.history.listen(display.meter)
        ids = begin(run, limit, adopt=adopt, allow_fewer=allow_fewer)
        display.total(len(ids))
        if not run.due(ids) and is_exported(run.workspace, run.services) and not run.missing_files(ids):
            if not report_path(run.workspace).exists():
                try_report(run.workspace, run.services)
            ledger = run.services.ledger
            ledger.end_run(ledger.begin_run(IDLE), IDLE, run.counts.rows())
            notes.append("nothing to do: no video of the sources is due, and the export is up to date and sound")
            return summarize(run.services.view)
        require_port(config.run.metrics_port)
        quiet_environment(root / "prefect")
        with server_beside(root / "prefect", run.services.raise_if_interrupted) as server:
            from prefect.settings import temporary_settings

            from flows.curate import curate  # Prefect takes seconds to import, and its server longer to start

            try:
                head_start(run, ids, server.ready)
                settings = server.settings()
                run.services.raise_if_interrupted()
            except RunStopped as error:  # no flow has begun that would record it
                ledger = run.services.ledger
                ledger.end_run(ledger.begin_run(), "stopped", run.counts.rows())
                try_report(run.workspace, run.services, run.history, str(error))
                raise
            with temporary_settings(settings):
                return curate(config, root, limit, adopt=adopt, allow_fewer=allow_fewer)


def with_sources(config: CurateConfig, sources: Sequence[str]) -> CurateConfig:
    """The configuration with these sources instead of its own, if there are any.

    Raises ConfigError without sources, and for one that is not UTF-8, which no configuration can hold.
    """
    for at in sources:
        if not is_utf8(at):
            raise ConfigError(f"--source {quoted(at)}: its bytes are not UTF-8; rename the file")
    if sources:
        config = config.model_copy(update={"sources": tuple(SourceSpec(at=at) for at in sources)})
    if not config.sources:
        raise ConfigError("no sources: give --source, or `sources:` in the configuration")
    return config
