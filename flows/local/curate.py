"""Runs the curate flow from a terminal: server, progress, signals. Nothing to start by hand."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

from curation.dataset.export import is_exported
from curation.pipeline.budget import Budget
from curation.pipeline.counts import Counts
from curation.pipeline.run import open_run
from curation.report.write import report_path, try_report
from curation.status.counts import summarize
from flows.local.prefect_server import local_server, quiet_environment
from flows.local.progress import Display
from schemas.config import CurateConfig, SourceSpec
from schemas.errors import ConfigError, Interrupted
from schemas.status import WorkspaceStatus


def curate_here(
    config: CurateConfig, root: Path, sources: Sequence[str], limit: int | None, budget: Budget | None = None
) -> WorkspaceStatus:
    """Curate into the workspace `root`; returns the status counts.

    `sources`, when given, take the place of the configuration's. A run with nothing to do starts no server. Raises
    BudgetReached when `budget` is used up.
    """
    if sources:
        config = config.model_copy(update={"sources": tuple(SourceSpec(at=at) for at in sources)})
    if not config.sources:
        raise ConfigError("no sources: give --source, or `sources:` in the configuration")
    with Display() as display, open_run(root, config, Counts(display.show)) as run:
        run.services.budget = budget
        run.history.listen(display.meter)
        ids = run.register(limit)
        display.total(len(ids))
        if not run.due(ids) and is_exported(run.workspace, run.services):
            if not report_path(run.workspace).exists():
                try_report(run.workspace, run.services)
            return summarize(run.services.view)
        quiet_environment(root / "prefect")
        with local_server(root / "prefect") as url, stop_on_interrupt(run.services.stop):
            from prefect.settings import PREFECT_API_URL, temporary_settings

            from flows.curate import curate  # Prefect takes seconds to import: only here is it needed

            with temporary_settings({PREFECT_API_URL: url}):
                return curate(config, root, limit)


@contextlib.contextmanager
def stop_on_interrupt(stop: threading.Event) -> Iterator[None]:
    """The first Ctrl-C (or SIGTERM) asks the run to stop at the next safe point, the second ends it at once."""

    def ask(_signal: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted("stopped at once; the same command goes on from here") from error
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
