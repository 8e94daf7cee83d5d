"""Cuts the run's videos into shards, as nodes ask for them: smaller ones towards the end, so that all end together."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from curation.pipeline.nodes.spec import NodeShard
from schemas.errors import MachineTrouble

_MOST_TRIES = 5  # without a result that is new


@dataclass
class _Losses:
    """How often a shard was lost since it had so many results, and why, each time since the run began."""

    results: int = -1
    tries: int = 0
    whys: Counter[str] = field(default_factory=Counter)


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
        self._losses: dict[str, _Losses] = {}  # by the first video
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

    def lost(self, number: int, why: str, results: int = 0) -> None:
        """A node did not carry a shard to its end: it is given again, first, under the same number.

        The same number has the same claim: so no two nodes work on it. `results` is how many rows the videos of the
        shard have now. Raises MachineTrouble for a shard that is lost again and again while they do not grow: nodes
        that come and go are no fault of a video.
        """
        shard = self._given.pop(number)
        first = shard.ids[0]
        losses = self._losses.setdefault(first, _Losses())
        losses.whys[why] += 1
        losses.tries = 1 if results > losses.results else losses.tries + 1
        losses.results = max(losses.results, results)
        if losses.tries >= _MOST_TRIES:
            whys = "; ".join(f"{count} x {why}" for why, count in losses.whys.most_common())
            raise MachineTrouble(
                f"the shard that begins with video {first} ({len(shard.ids)} videos) was lost {_MOST_TRIES} times "
                f"without a new result ({whys}). Where its node died, look at the node's memory, or leave that video "
                "out; where claims ended though nodes worked, the nodes are too busy: raise run.claim_seconds"
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
