"""Runs the curate flow from a terminal, with a Prefect server of its own, a progress display and signal handlers."""

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
from schemas.configuration.config import CurateConfig, SourceSpec
from schemas.documents.status import WorkspaceStatus
from schemas.errors import ConfigError, Interrupted
from schemas.kit.utf8 import is_utf8, quoted


def curate_here(
    config: CurateConfig, root: Path, sources: Sequence[str], limit: int | None, budget: Budget | None = None
) -> WorkspaceStatus:
    """Curate into the workspace `root`; returns the workspace's status.

    `sources`, when given, replace those of the configuration. A run with nothing to do starts no server. Raises
    ConfigError without sources, BudgetReached when `budget` is used up, and what `curate` raises.
    """
    config = with_sources(config, sources)
    with Display() as display, open_run(root, config, Counts(display.show)) as run:
        run.services.budget = budget
        run.history.listen(display.meter)
        ids = run.register(limit)
        display.total(len(ids))
        if not run.due(ids) and is_exported(run.workspace, run.services) and not run.missing_files(ids):
            if not report_path(run.workspace).exists():
                try_report(run.workspace, run.services)
            return summarize(run.services.view)
        quiet_environment(root / "prefect")
        with local_server(root / "prefect") as url, stop_on_interrupt(run.services.stop):
            from prefect.settings import PREFECT_API_URL, temporary_settings

            from flows.curate import curate  # Prefect takes seconds to import

            with temporary_settings({PREFECT_API_URL: url}):
                return curate(config, root, limit)


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


@contextlib.contextmanager
def stop_on_interrupt(stop: threading.Event) -> Iterator[None]:
    """Set `stop` at the first Ctrl-C or SIGTERM, so that the run stops safely; raise Interrupted at the second."""

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
