"""The open run of one node. It carries shards through all stages, each under a claim of its own.

A node has neither the workspace's folder nor its lock: it opens the ledger and the store by their addresses. What it
writes is committed only while its claim on the shard, and the driver's on the run, are current. So a node that was cut
off and comes back changes nothing.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy.exc import OperationalError

from curation.ledger.claims import Claim, described, new_owner, shard_key
from curation.ledger.databases import open_shared
from curation.ledger.holding.heartbeat import Heartbeat
from curation.pipeline.counts import Counts
from curation.pipeline.nodes.caches import use
from curation.pipeline.nodes.spec import Carried, NodeReading, NodeShard, RunSpec
from curation.pipeline.run import Run
from curation.pipeline.services import Services
from curation.pipeline.thin import thin_pictures
from curation.store.files import hold_folder
from curation.store.remote import open_store
from curation.workspace import Workspace
from schemas.configuration.config import CurateConfig
from schemas.errors import AllAlike, ClaimLost, ConfigError, Interrupted, WorkspaceBusy

log = logging.getLogger(__name__)

_POLL = 0.5  # seconds between two tries to claim a shard that another node holds
_TRIES, _AGAIN = 3, 5.0  # a database that is gone for a moment: tries, and seconds between them
_RETIRE = 30.0  # seconds for shards to reach a safe point when the node is told to stop


class Worker:
    """A node's share of a run. Its methods may be called from several threads."""

    def __init__(self, spec: RunSpec, folder: Path) -> None:
        """Open the run; `folder` is the node's own, for its cache of files.

        Raises WorkspaceBusy when another process of this machine uses the folder, ConfigError where the node's
        program, prompts or checkpoints are not the driver's, or where its environment lacks the ledger's address.
        """
        config = CurateConfig.model_validate_json(spec.config)
        self._claim, self._seconds = spec.run, config.run.claim_seconds
        self._owner = new_owner()
        self._lock = threading.Lock()
        self._stops: set[threading.Event] = set()
        self._closing = ExitStack()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not self._closing.enter_context(hold_folder(folder)):
                raise WorkspaceBusy(f"{folder}: another process of this machine works there")
            use(folder)
            # The heartbeats have connections of their own: theirs must be free at any time.
            self._beats = open_shared(spec.schema)
            self._closing.callback(self._beats.close)
            ledger = open_shared(spec.schema, spec.run)
            self._closing.callback(ledger.close)
            store = open_store(config.store.address, folder / "store", int(config.store.cache_gigabytes * 1e9))
            store.clean()
            services = self._closing.enter_context(Services(config, ledger, store))
            if services.hashes != spec.hashes:
                raise ConfigError(
                    f"{described(self._owner)}: the program, a prompt or a checkpoint is another version there than at "
                    f"the driver ({_different(services.hashes.results, spec.hashes.results)}); install the same on all"
                )
            self._run = Run(Workspace(folder), services, Counts())
            services.transferred = self._run.counts.transferred
        except BaseException:
            self._closing.close()
            raise

    def hello(self) -> str:
        """Who this node is, for people, once it has opened the run."""
        return described(self._owner)

    def carry(self, shard: NodeShard) -> Carried:
        """Carry a shard through all stages; results are rows of the ledger.

        It is lost when another node holds it for longer than a dead one can, or took it over. Raises what a stage
        raises when the run is to stop: RunStopped and ConfigError.
        """
        use(self._run.workspace.root)
        claim = self._take(shard)
        if claim is None:
            return Carried(lost=True)
        for plain, signed in shard.addresses:
            self._run.services.signed.keep(plain, signed)
        with self._stoppable() as stop, Heartbeat(self._beats, claim, stop.set) as beat:
            try:
                self._through_stages(shard, claim, stop)
            except (ClaimLost, Interrupted) as error:
                if isinstance(error, ClaimLost) or beat.lost.is_set():
                    log.warning("shard %d was taken over by another node; what it had committed stays", shard.number)
                    return Carried(lost=True)
                raise
            except AllAlike:
                self._run.watch.take_back(self._run.services.ledger.under(claim))
                raise
        return Carried(False, tuple(sorted(self._run.services.restorer.take_replaced())))

    def read(self) -> NodeReading:
        """What this node has done so far."""
        counts = self._run.counts
        return NodeReading(counts.rows(), counts.megabytes, self._run.services.meter.read())

    def stop(self) -> None:
        """Stop every shard at a safe point."""
        with self._lock:
            self._run.services.stop.set()
            for stop in self._stops:
                stop.set()

    def close(self) -> None:
        """Stop, wait for the shards within bounds, then close models, child processes and the ledger."""
        self.stop()
        until = time.monotonic() + _RETIRE
        while self._stops and time.monotonic() < until:
            time.sleep(0.05)
        self._closing.close()

    @contextmanager
    def _stoppable(self) -> Iterator[threading.Event]:
        """An event for one shard, which `stop` sets too."""
        stop = threading.Event()
        with self._lock:
            self._stops.add(stop)
            if self._run.services.stop.is_set():
                stop.set()
        try:
            yield stop
        finally:
            with self._lock:
                self._stops.discard(stop)

    def _take(self, shard: NodeShard) -> Claim | None:
        """The shard's claim; None when another node holds it for two expiries, as no dead one can."""
        key, until = shard_key(self._claim, shard.number), time.monotonic() + 2 * self._seconds
        while True:
            self._run.services.raise_if_interrupted()
            claim = self._beats.claim(key, self._owner, self._seconds, under=self._claim)
            if claim is not None or time.monotonic() > until:
                return claim
            time.sleep(_POLL)

    def _through_stages(self, shard: NodeShard, claim: Claim, stop: threading.Event) -> None:
        run = self._run
        ledger = run.services.ledger.under(claim)
        for stage in run.stages:
            for last in (*[False] * (_TRIES - 1), True):
                try:
                    run.carry(stage, shard.ids, stop, ledger)
                    break
                except OperationalError:
                    if last or stop.wait(_AGAIN):
                        raise
        thin_pictures(run.services, shard.ids)


def _different(mine: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """The stages whose hashes differ."""
    stages = sorted(name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name))
    return ", ".join(stages) or "its limits"
