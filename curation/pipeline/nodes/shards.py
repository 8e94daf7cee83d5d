"""Cuts the run's videos into shards, as nodes ask for them: smaller ones towards the end, so that all end together."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable

from curation.pipeline.nodes.spec import NodeShard
from schemas.errors import MachineTrouble

_MOST_TRIES = 5


class Shards:
    """The videos that wait for a node, and the shards that nodes have.

    With n videos left for p places a shard has about n / 2p videos, at most `size` (guided self-scheduling:
    Polychronopoulos and Kuck, IEEE Transactions on Computers C-36, 1987, with half their share, since videos differ).
    """

    def __init__(self, size: int) -> None:
        """Shards have at most `size` videos."""
        self._size = size
        self._waiting: deque[str] = deque()
        self._again: deque[NodeShard] = deque()
        self._given: dict[int, NodeShard] = {}
        self._tries: dict[str, int] = {}
        self._numbers = 0

    def add(self, ids: Iterable[str]) -> None:
        """Videos that are ready for a node."""
        self._waiting.extend(ids)

    def next(self, places: int, more: int = 0) -> NodeShard | None:
        """A shard for a node, of a run with so many places; None when no video waits. `more` videos will be added."""
        if self._again:
            shard = self._again.popleft()
        elif self._waiting:
            share = math.ceil((len(self._waiting) + more) / (2 * places))
            count = min(self._size, max(1, share), len(self._waiting))
            shard = NodeShard(self._number(), tuple(self._waiting.popleft() for _ in range(count)))
        else:
            return None
        self._given[shard.number] = shard
        return shard

    def done(self, number: int) -> int:
        """A node carried a shard; returns how many videos it has."""
        return len(self._given.pop(number).ids)

    def lost(self, number: int) -> None:
        """A node did not carry a shard to its end: it is given again, first, under the same number.

        The same number has the same claim: so no two nodes work on it. Raises MachineTrouble for a shard that is lost
        again and again.
        """
        shard = self._given.pop(number)
        first = shard.ids[0]
        self._tries[first] = self._tries.get(first, 0) + 1
        if self._tries[first] >= _MOST_TRIES:
            raise MachineTrouble(
                f"{_MOST_TRIES} nodes were lost while they carried the shard that begins with video {first} "
                f"({len(shard.ids)} videos); look at the memory of the nodes, or leave that video out"
            )
        self._again.append(shard)

    @property
    def open(self) -> bool:
        """Whether a video waits, or a node has one."""
        return bool(self._waiting or self._again or self._given)

    @property
    def waiting(self) -> int:
        """How many videos wait for a node."""
        return len(self._waiting) + sum(len(shard.ids) for shard in self._again)

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers
