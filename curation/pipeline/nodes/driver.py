"""The driver of a run on several machines: it hands out shards until every video was carried, whatever nodes do.

Which work is finished is known from the ledger alone. So a node that joins gets the next shard; a node that leaves
costs the time of the shards that it had; and a driver that is killed leaves a run that the same command continues.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, NamedTuple

from sqlalchemy.exc import OperationalError

from curation.ledger.claims import shard_key
from curation.ledger.databases import postgresql_schema
from curation.pipeline.nodes.cluster import Cluster, Node, NodeLost
from curation.pipeline.nodes.require import require_cluster
from curation.pipeline.nodes.shards import Shards
from curation.pipeline.nodes.spec import Carried, NodeShard, RunSpec
from curation.pipeline.nodes.watch import NodeWatch
from curation.pipeline.run import Run
from schemas.errors import ConfigError, MachineTrouble, ServerGone, StorageFull
from schemas.kit.blame import in_one_line

log = logging.getLogger(__name__)

_POLL = 0.5  # seconds between two looks at the wish to stop
_WATCH = 2.0  # seconds between two looks at what nodes have committed
_REST = 4.0  # at least so many times as long as the last look took: the shards are handed out meanwhile
_LOOK = 1.0  # seconds between two looks at the nodes: who is there, what they have done, which claims ended
_PATIENCE = 600.0  # seconds without any node that opened the run
_CLOSING = 60.0  # seconds for the nodes to stop at a safe point
_OF_THE_NODE = (StorageFull, MachineTrouble, ServerGone)  # what one node lacks: the others go on
_CLAIM_ENDED = "its claim ended"
_MOST_NOTES = 50
_AHEAD = 2  # local files are brought into the store for so many times the places of all nodes ahead


class Share(NamedTuple):
    """What a node carried: videos and shards, and when its last shard ended, in seconds from the first one's start."""

    videos: int
    shards: int
    ended: float


def carry_on_nodes(
    run: Run, ids: Sequence[str], show: Callable[[int, int], None] = lambda _done, _all: None
) -> dict[str, Share]:
    """Carry videos through all stages on the nodes of the cluster at `run.ray_address`; returns each node's share.

    `show` is told how many of the videos were carried. Files of this machine are brought into the store here, since
    other nodes do not have them. Raises RunStopped and ConfigError as the stages do, MachineTrouble when no node is
    left for ten minutes, and ConfigError as `require_cluster`.
    """
    if not ids:
        return {}
    driver = _Driver(run, ids, show)
    driver.carry()
    return driver.shares


def spec_of(run: Run) -> RunSpec:
    """What nodes are told of an open run. Raises ConfigError where its ledger is not shared."""
    services = run.services
    fence, schema = services.ledger.fence, postgresql_schema(run.workspace.root)
    if fence is None or schema is None:
        raise ConfigError(
            f"{run.workspace.root}: its ledger is in a file; run.engine: ray needs a workspace in PostgreSQL"
        )
    return RunSpec(services.config.model_dump_json(), schema, fence, services.hashes)


class _Flight(NamedTuple):
    """A shard that a node has, since `began` (the clock of time.monotonic)."""

    node: str
    shard: NodeShard
    began: float


class _Driver:
    """One run of `carry_on_nodes`."""

    def __init__(self, run: Run, ids: Sequence[str], show: Callable[[int, int], None]) -> None:
        self._run, self._ids, self._show = run, list(ids), show
        config = run.services.config.run
        self._shards = Shards(config.shard_size)
        self._size, self._places = config.shard_size, config.shards_in_flight
        self._flying: dict[Any, _Flight] = {}
        self._feeding: Future[list[str]] | None = None
        self._to_feed = self._ids
        self._carried = 0
        self._seen = time.monotonic()  # when a node was last there
        self._looked = 0.0
        self._began: float | None = None  # when the first shard was given
        self.shares: dict[str, Share] = {}
        self._readings: dict[Any, Node] = {}
        self._watch = NodeWatch(run.services.ledger, run.services.binding, run.watch)
        self._next_watch = 0.0

    def carry(self) -> None:
        config = self._run.services.config
        require_cluster(config)
        self._spec = spec_of(self._run)
        with ExitStack() as closing:
            closing.push(self._settle)  # after the nodes have ended
            self._cluster = Cluster(str(config.run.ray_address), self._spec, self._places, config.run.workers_per_node)
            closing.callback(self._cluster.close, _CLOSING)
            pool = closing.enter_context(ThreadPoolExecutor(1, thread_name_prefix="feed"))
            self._show(0, len(self._ids))
            while self._to_feed or self._feeding or self._shards.open:
                self._run.services.raise_if_stopped()
                self._feed(pool)
                if time.monotonic() - self._looked >= _LOOK:
                    self._look()
                    self._looked = time.monotonic()
                self._watch_commits()
                self._give()
                self._take()
            self._watch.look()
            self._read_all()

    def _settle(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is not None:
            self._run.notes += [str(alarm) for alarm in self._watch.settle(self._spec.run, error)]

    def _watch_commits(self) -> None:
        began = time.monotonic()
        if began >= self._next_watch:
            self._watch.look()
            now = time.monotonic()
            self._next_watch = now + max(_WATCH, _REST * (now - began))

    def _feed(self, pool: ThreadPoolExecutor) -> None:
        """Make videos ready, some ahead of the nodes: those whose file only this machine has are fetched here."""
        if self._feeding is not None and self._feeding.done():
            self._shards.add(self._feeding.result())
            self._feeding = None
        ahead = _AHEAD * self._cluster.places() * self._size
        if self._feeding is None and self._to_feed and self._shards.waiting < ahead:
            chunk, self._to_feed = (
                self._to_feed[: self._size * self._places],
                self._to_feed[self._size * self._places :],
            )
            self._feeding = pool.submit(self._ready, chunk)

    def _ready(self, ids: list[str]) -> list[str]:
        kinds = {each.id: source.kind for each in self._run.services.ledger.sources(ids) if (source := each.source())}
        if local := [video_id for video_id in ids if kinds.get(video_id) == "file"]:
            self._run.carry("download", local)
        return ids

    def _give(self) -> None:
        while free := self._cluster.free():
            shard = self._shards.next(self._cluster.places(), len(self._to_feed))
            if shard is None:
                return
            self._began = self._began or time.monotonic()
            shard = shard._replace(addresses=self._addresses(shard))
            self._watch.given(shard.ids)
            self._flying[self._cluster.nodes[free[0]].carry(shard)] = _Flight(free[0], shard, time.monotonic())

    def _addresses(self, shard: NodeShard) -> tuple[tuple[str, str], ...]:
        """The addresses with keys of the shard's videos, which only this process has read."""
        services = self._run.services
        known = (source.uri for each in services.ledger.sources(shard.ids) if (source := each.source()))
        return tuple((uri, signed) for uri in known if (signed := services.signed.of(uri)) != uri)

    def _take(self) -> None:
        """Wait a moment for shards, for workers that open the run, and for their readings."""
        hellos = {node.hello: key for key, node in self._cluster.nodes.items() if node.hello is not None}
        references = [*self._flying, *hellos, *self._readings]
        if not references:
            time.sleep(_POLL)
            return
        for reference in self._cluster.wait(references, _POLL):
            if reference in self._readings:
                self._note(reference, self._readings.pop(reference))
            elif reference in hellos:
                self._welcome(hellos[reference])
            elif reference in self._flying:  # its node has not left meanwhile
                self._end(reference)

    def _look(self) -> None:
        """Notice nodes that joined, that left, and that let a claim end; ask the others what they have done."""
        for key in self._cluster.refresh():
            self._leave(key, "Ray says that it is dead")
        self._overdue()
        asked = set(self._readings.values())
        for node in self._cluster.nodes.values():
            if node.hello is None and node not in asked:
                self._readings[node.read()] = node
        self._require_a_node()

    def _welcome(self, key: str) -> None:
        """A worker opened the run, or could not: then its node is out, and the run goes on without it."""
        node = self._cluster.nodes.get(key)
        if node is None:
            return  # it left at this moment
        try:
            said = self._cluster.result(node.hello)
        except NodeLost as error:
            self._leave(key, str(error))
        except Exception as error:  # noqa: BLE001 - whatever a node lacks, the others have it, or the run says so
            self._leave(key, in_one_line(error), for_good=True)
        else:
            node.hello = None
            log.info("node %s joined the run (%s)", node.name, said)

    def _end(self, reference: Any) -> None:
        """A shard came back: carried, lost to another node, or with its node gone."""
        key, shard, _ = self._flying.pop(reference)
        node = self._cluster.nodes.get(key)
        if node is not None:
            node.carrying.discard(shard.number)
        try:
            outcome: Carried = self._cluster.result(reference)
        except NodeLost as error:
            self._lose(shard, str(error))
            self._leave(key, str(error))
            return
        except OperationalError as error:  # it does not reach the database at the moment
            self._lose(shard, in_one_line(error))
            self._leave(key, in_one_line(error))
            return
        except _OF_THE_NODE as error:
            self._lose(shard, in_one_line(error))
            self._leave(key, in_one_line(error), for_good=True)
            return
        if outcome.lost:
            self._lose(shard, _CLAIM_ENDED)
            return
        videos = self._shards.done(shard.number)
        self._watch.done(shard.ids)
        self._carried += videos
        if node is not None:
            before = self.shares.get(node.name, Share(0, 0, 0.0))
            ended = time.monotonic() - (self._began or 0.0)
            self.shares[node.name] = Share(before.videos + videos, before.shards + 1, ended)
        self._run.services.restorer.note_replaced(outcome.replaced)
        self._show(self._carried, len(self._ids))

    def _overdue(self) -> None:
        """Take out nodes whose claims ended while they carry a shard: cut off, or stopped, though Ray sees them.

        A shard that was lost before has a claim that ended; its next node takes that at once. So a claim counts only
        some time after the shard was given.
        """
        services = self._run.services
        fence, late = self._spec.run, services.config.run.claim_seconds / 3
        given = time.monotonic() - 2 * late
        watched = [(shard_key(fence, each.shard.number), each) for each in self._flying.values() if each.began < given]
        if not watched:
            return
        ended = {held.key for held in services.ledger.claims() if held.seconds is not None and held.seconds < -late}
        for key, flight in watched:
            if key in ended:
                self._leave(flight.node, f"it let the claim of its shard {flight.shard.number} end", _CLAIM_ENDED)

    def _lose(self, shard: NodeShard, why: str) -> None:
        self._shards.lost(shard.number, why, self._watch.rows(shard.ids))

    def _leave(self, key: str, why: str, in_short: str | None = None, *, for_good: bool = False) -> None:
        """A node leaves: what it carried is given to others, and the user is told in the end."""
        node = self._cluster.leave(key, why, for_good=for_good)
        if node is not None and len(self._run.notes) < _MOST_NOTES:
            self._run.notes.append(f"node {node.name} left the run: {why}")
        for reference, flight in list(self._flying.items()):
            if flight.node == key:
                del self._flying[reference]
                self._lose(flight.shard, in_short or why)

    def _require_a_node(self) -> None:
        if any(node.hello is None for node in self._cluster.nodes.values()):
            self._seen = time.monotonic()
            return
        refused = self._cluster.refused
        if refused and not self._cluster.nodes:
            raise MachineTrouble(f"no node is left that can carry the run: {'; '.join(refused)}")
        if time.monotonic() - self._seen > _PATIENCE:
            raise MachineTrouble(f"no node of the cluster opened the run for {_PATIENCE:.0f} s")

    def _note(self, reference: Any, node: Node) -> None:
        try:
            reading = self._cluster.reading(reference)
        except NodeLost:
            return  # noticed where its shards are
        self._run.counts.note(node.name, reading.rows, reading.megabytes)
        self._run.services.meter.note(node.name, reading.meter)

    def _read_all(self) -> None:
        """The last figures of every node."""
        for node in self._cluster.nodes.values():
            if node.hello is None:
                self._note(node.read(), node)
