"""The open run of a workspace: a process opens its services once, and every task finds them here.

Tasks get the path of the workspace and ids, which Prefect can record. Models, child processes and the ledger are heavy:
the first task that needs one opens it, and the threads of the process share it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from curation.download.pacing.in_ledger import InLedger
from curation.ledger.holding.stop_requests import listening
from curation.ledger.integrity import check_pages
from curation.ledger.ledger import Ledger
from curation.ledger.stages import STAGES
from curation.ledger.standing import stages_ahead
from curation.ledger.unnamed import forget_unnamed, names_of_several
from curation.pipeline.counts import Counts
from curation.pipeline.failure_watch import FailureWatch
from curation.pipeline.identities import note_identities
from curation.pipeline.nodes.require import require_cluster
from curation.pipeline.open_files import require_files
from curation.pipeline.process import process
from curation.pipeline.services import Services, open_services
from curation.pipeline.settings import optional_on
from curation.pipeline.stage_functions import stage_function
from curation.pipeline.throughput import History
from curation.pipeline.turns import PriorityGate, places, workers
from curation.sources.read import read_sources
from curation.sources.seen import Seen
from curation.status.standings import Standings, due
from curation.workspace import Workspace
from schemas.configuration.config import CurateConfig
from schemas.errors import ConfigError
from schemas.records import Rejection, Source

log = logging.getLogger(__name__)


class Shard(NamedTuple):
    """A part of the run's videos: the unit of a task run."""

    workspace: str
    number: int
    ids: tuple[str, ...]


class Run:
    """An open workspace with its services and the videos that this run is about."""

    def __init__(self, workspace: Workspace, services: Services, counts: Counts) -> None:
        """Bind the workspace, its services and the counts."""
        self.workspace = workspace
        self.services = services
        self.counts = counts
        self.notes: list[str] = []  # what the user is told at the end
        self.history = History(services.meter)
        self.turns = {
            stage: PriorityGate(places(stage, services.config), services.raise_if_stopped) for stage in self.stages
        }
        self.watch = FailureWatch(services.config.run.max_alike)
        self.early_error: Exception | None = None  # what stopped the head start, for the flow to raise
        self._ids: list[str] | None = None
        self._tried: dict[str, set[str]] = {stage: set() for stage in self.stages}

    @property
    def stages(self) -> tuple[str, ...]:
        """The stages of the run's configuration, in order."""
        return tuple(stage.name for stage in STAGES.of(optional_on(self.services.config)))

    def carry(
        self,
        stage: str,
        ids: Sequence[str],
        stop: threading.Event | None = None,
        ledger: Ledger | None = None,
    ) -> None:
        """Carry videos through one stage; results and rejections are rows of the ledger. Raises as `process`.

        It ends at a safe point when `stop` is set; without it, when the run is to stop. `ledger`: the run's, under
        another claim.
        """
        services = self.services
        process(
            stage,
            ids,
            ledger=ledger or services.ledger,
            hashes=services.hashes,
            work=stage_function(services, stage),
            progress=self.counts,
            stop=stop or services.stop,
            workers=workers(stage, services.config),
            turn=self.turns[stage].turn,
            watch=self.watch,
            tried=self._tried[stage],
        )

    def register(self, limit: int | None = None) -> list[str]:
        """Put the configuration's sources (the first `limit`) into the ledger, once a run; returns their ids.

        Rows that left their lists since an earlier run are forgotten, unless something was finished of their videos.
        """
        if self._ids is None:
            ledger = self.services.ledger
            with closing(Seen()) as seen:
                self._ids = ledger.register(islice(self._read(seen), limit))
                seen.doubtful = names_of_several(ledger, seen.places)
                if forgotten := forget_unnamed(ledger, self._ids, seen.is_gone):
                    log.info("%d rows of earlier lists are no longer there, and nothing was made of them", forgotten)
        return self._ids

    def save_config(self) -> None:
        """Make this run's configuration the workspace's; to be called before the first stage."""
        self.workspace.save_config(self.services.config)

    def due(self, ids: Iterable[str]) -> list[str]:
        """The videos among `ids` that some stage is due for."""
        return list(due(self.services.view, list(ids)))

    def missing_files(self, ids: Iterable[str]) -> list[str]:
        """The videos among `ids` that are not rejected, and whose file is gone from the store or was cut."""
        missing = [video.id for video in self.services.restorer.missing(list(ids))]
        standings = Standings(self.services.view).walk(missing) if missing else ()
        return [one.source.id for one in standings if one.where.state != "rejected"]

    def bring_back(self, ids: Iterable[str]) -> None:
        """Fetch again the missing files of the videos `ids`, several at a time. Raises RunStopped."""
        restorer = self.services.restorer
        with ThreadPoolExecutor(self.services.config.run.download_workers, thread_name_prefix="restore") as pool:
            for _ in pool.map(restorer.bring_back, restorer.missing(list(ids))):
                self.services.raise_if_stopped()

    def open_models(self, ids: Sequence[str]) -> None:
        """Build the models that the stages ahead of these videos ask. Raises what `Services.open_models` raises."""
        services, ahead = self.services, set[str]()
        for one in Standings(services.view).walk(ids):
            if one.where.stage is not None:
                ahead |= stages_ahead(one.source, one.heads, services.hashes)
        services.open_models(ahead)

    def _read(self, seen: Seen) -> Iterator[Source | Rejection]:
        config = self.services.config
        for spec in config.sources:
            for source in read_sources(
                spec,
                base=Path.cwd(),
                schemes=config.download.schemes,
                seen=seen,
                signed=self.services.signed,
                subtitles=config.download.subtitles,
            ):
                self.services.raise_if_stopped()
                yield source
        seen.whole = True


_open: dict[str, Run] = {}
_lock = threading.Lock()


@contextmanager
def open_run(
    root: Path,
    config: CurateConfig,
    counts: Counts | None = None,
    stop: threading.Event | None = None,
) -> Iterator[Run]:
    """Lock a workspace and open its services; `run_of` finds them until the block ends.

    The run stops at a safe point when somebody sets `stop` or calls `v2xum stop`. A run that this process has already
    opened is joined. Raises WorkspaceBusy when another process holds the workspace, and ConfigError as `require_files`,
    `require_cluster` and `settle_store`.
    """
    joined = _open.get(str(root))
    if joined is not None:
        yield joined
        return
    require_files(config)
    require_cluster(config)
    workspace = Workspace(root)

    def told() -> None:
        if (run := _open.get(str(root))) is not None:
            run.notes.append("`v2xum stop` asked this run to stop")

    with ExitStack() as held:
        held.enter_context(workspace.lock())
        workspace.settle_store(config.store)
        services = held.enter_context(open_services(workspace, config))
        services.stop = stop or services.stop
        held.enter_context(listening(services.ledger, services.stop, told))
        check_pages(services.ledger.engine)
        services.store.clean()
        services.ledger.forget_file_missing()
        if config.run.engine == "ray":
            InLedger(services.ledger).forget()
        note_identities(services.ledger, config.models)
        if not workspace.saved_config():
            workspace.save_config(config)  # a first run that fails at its sources leaves a workspace that opens
        run = Run(workspace, services, counts or Counts())
        services.transferred = run.counts.transferred
        with _lock:
            _open[str(root)] = run
        try:
            yield run
        finally:
            with _lock:
                del _open[str(root)]


def run_of(workspace: str) -> Run:
    """The open run of a workspace in this process. Raises ConfigError when there is none."""
    with _lock:
        if workspace not in _open:
            raise ConfigError(f"{workspace}: no run is open in this process")
        return _open[workspace]
