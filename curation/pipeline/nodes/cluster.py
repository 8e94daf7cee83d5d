"""The nodes of a Ray cluster: connects to it, keeps one worker on each node, and notices who joins and who leaves.

Ray's actors find the nodes, carry the calls and report a process or a node that died. Nothing of a result goes through
Ray: it goes through the ledger and the store. docs/decisions/0072-ray.md says why Ray, and why so little of it.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curation.pipeline.nodes.caches import remove_old
from curation.pipeline.nodes.require import head_of
from curation.pipeline.nodes.spec import Carried, NodeReading, NodeShard, RunSpec
from curation.pipeline.nodes.worker import Worker
from schemas.errors import ConfigError

log = logging.getLogger(__name__)

_CONTROL = 4  # threads of an actor beside those that carry shards: for read and close
_ANSWER = 10.0  # seconds for the head to answer


class WorkerActor:
    """A worker as Ray starts it on a node: its folder lies in that node's cache.

    The run is opened by `hello` and not by the constructor: Ray would report an error of the latter as a dead actor.
    """

    def __init__(self, spec: RunSpec, node: str) -> None:
        """Keep what `hello` needs; `node` is the worker's name on its node."""
        self._spec, self._node = spec, node
        self._worker: Worker | None = None

    def hello(self) -> str:
        """Open the run; who this node is, for people. Raises as Worker."""
        caches = Path.home() / ".cache" / "v2xum" / "nodes"
        own = caches / self._spec.schema / self._node
        self._worker = Worker(self._spec, own)
        threading.Thread(target=remove_old, args=(caches, own), name="old caches", daemon=True).start()
        return self._worker.hello()

    def carry(self, shard: NodeShard) -> Carried:
        """As Worker."""
        return self._opened.carry(shard)

    def read(self) -> NodeReading:
        """As Worker."""
        return self._opened.read()

    def close(self) -> None:
        """As Worker; nothing where the run was never opened."""
        if self._worker is not None:
            self._worker.close()

    @property
    def _opened(self) -> Worker:
        if self._worker is None:
            raise RuntimeError("the node has not opened the run")
        return self._worker


class Node:
    """A worker on a node. `carrying` are the numbers of the shards that it has now."""

    def __init__(self, name: str, actor: Any, hello: Any) -> None:
        """Name it by its node's address; `hello` is the answer that comes when its worker has opened the run."""
        self.name = name
        self.actor = actor
        self.hello: Any | None = hello
        self.carrying: set[int] = set()

    def carry(self, shard: NodeShard) -> Any:
        """Hand the node a shard; returns Ray's reference to what becomes of it."""
        self.carrying.add(shard.number)
        return self.actor.carry.remote(shard)

    def read(self) -> Any:
        """Ask for the node's NodeReading."""
        return self.actor.read.remote()


class Cluster:
    """The connection to a Ray cluster, and the workers on its nodes. One thread uses it.

    A node with several workers is several entries of `nodes`, each with a process and a cache of its own.
    """

    def __init__(self, address: str, spec: RunSpec, places: int, workers: int = 1) -> None:
        """Connect to the cluster at HOST:PORT; each of a node's workers carries up to `places` shards at once.

        Raises ConfigError where the address is none, where Ray is not installed or demands no token, and where no Ray
        runs on this machine at that address.
        """
        self._ray = connect(address)
        self._spec, self._places, self._workers = spec, places, workers
        self._remote = self._ray.remote(WorkerActor)
        self.nodes: dict[str, Node] = {}
        self._refused: dict[str, str] = {}

    def refresh(self) -> list[str]:
        """Start workers on nodes that joined; returns those of `nodes` that are gone: call `leave` for each."""
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        alive = {node["NodeID"]: node["NodeManagerAddress"] for node in self._ray.nodes() if node["Alive"]}
        expected = workers_of(alive, self._workers)
        for key, (node_id, name) in expected.items():
            if key not in self.nodes and key not in self._refused:
                options = {
                    "num_cpus": 0,
                    "max_restarts": 0,
                    "max_task_retries": 0,
                    "max_concurrency": self._places + _CONTROL,
                    "scheduling_strategy": NodeAffinitySchedulingStrategy(node_id, soft=False),
                }
                actor = self._remote.options(**options).remote(self._spec, name)
                self.nodes[key] = Node(name, actor, actor.hello.remote())
        return [key for key in self.nodes if key not in expected]

    def leave(self, key: str, why: str, *, for_good: bool = False) -> Node | None:
        """Take a node out: its worker is ended, if it can be reached. `for_good`: it is not started there again."""
        node = self.nodes.pop(key, None)
        if node is not None:
            log.warning("node %s left the run: %s", node.name, why)
            if for_good:
                self._refused[key] = why
            self._ray.kill(node.actor)
        return node

    @property
    def refused(self) -> list[str]:
        """Why nodes were taken out for good."""
        return sorted(set(self._refused.values()))

    def free(self) -> list[str]:
        """The workers that opened the run and have a free place, those with most free places first."""
        keys = [key for key, node in self.nodes.items() if node.hello is None and len(node.carrying) < self._places]
        return sorted(keys, key=lambda key: len(self.nodes[key].carrying))

    def places(self) -> int:
        """The places of all nodes."""
        return max(1, len(self.nodes)) * self._places

    def wait(self, references: list[Any], seconds: float) -> list[Any]:
        """Those of Ray's references that are there within so many seconds; the first ends the wait."""
        done, _ = self._ray.wait(references, num_returns=1, timeout=seconds)
        rest = [one for one in references if one not in set(done)]
        more, _ = self._ray.wait(rest, num_returns=len(rest), timeout=0) if rest else ([], [])
        return [*done, *more]

    def result(self, reference: Any) -> Any:
        """What a reference stands for. Raises the error of the call, and NodeLost when its node or process is gone."""
        from ray.exceptions import GetTimeoutError, RayError, RayTaskError

        try:
            return self._ray.get(reference, timeout=30)
        except RayTaskError as error:
            raise error.cause from None
        except (RayError, GetTimeoutError) as error:
            raise NodeLost(str(error).partition("\n")[0]) from error

    def reading(self, reference: Any) -> NodeReading:
        """As `result`, of a call of `read`."""
        found: NodeReading = self.result(reference)
        return found

    def close(self, seconds: float) -> None:
        """Let every worker stop at a safe point and close, within so many seconds; then disconnect."""
        closing = [node.actor.close.remote() for node in self.nodes.values()]
        if closing:
            self._ray.wait(closing, num_returns=len(closing), timeout=seconds)
        for node in self.nodes.values():
            self._ray.kill(node.actor)
        self.nodes.clear()
        self._ray.shutdown()


def workers_of(alive: Mapping[str, str], workers: int) -> dict[str, tuple[str, str]]:
    """The workers that nodes shall have: Ray's id of the node and the worker's name, by a key of their own.

    `alive` are the addresses of the nodes by Ray's ids. The first worker of a node is named by the address alone.
    """
    return {
        f"{node_id}/{number}": (node_id, address if number == 1 else f"{address}-{number}")
        for node_id, address in alive.items()
        for number in range(1, workers + 1)
    }


class NodeLost(Exception):
    """A node, or the process of its worker, is gone."""


def connect(address: str) -> Any:
    """Connect this process to the Ray cluster at HOST:PORT; returns the module `ray`. Raises ConfigError as Cluster."""
    host, port = head_of(address)
    import ray

    own = _own_address(host, port)
    try:
        ray.init(
            address=address,
            _node_ip_address=own,
            log_to_driver=False,
            configure_logging=False,
            include_dashboard=False,
        )
    except Exception as error:  # Ray raises what it likes: ConnectionError, RuntimeError, ValueError
        raise _no_cluster(address, str(error).strip().partition("\n")[0][:300]) from error
    return ray


def _own_address(host: str, port: int) -> str:
    """The address of this machine in the network of the head, which must answer: Ray would try for minutes."""
    try:
        with socket.create_connection((host, port), timeout=_ANSWER) as connection:
            return str(connection.getsockname()[0])
    except OSError as error:
        raise _no_cluster(f"{host}:{port}", error.strerror or str(error)) from error


def _no_cluster(address: str, said: str) -> ConfigError:
    return ConfigError(
        f"run.ray_address {address}: no Ray cluster answers on this machine ({said}). `v2xum cluster CONFIG` prints "
        "what to start on every node; the driver runs on one of them"
    )
