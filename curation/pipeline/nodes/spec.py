"""What the driver tells a node about the run, and what a node tells the driver. No secret is printed of either."""

from __future__ import annotations

from typing import NamedTuple

from curation.ledger.claims import Claim
from curation.ledger.standing import StageHashes
from models.meter import Reading


class RunSpec(NamedTuple):
    """A run, as a node opens it.

    `config` is the configuration as JSON, `schema` the ledger's schema in the database that the node's own V2XUM_LEDGER
    names, `run` the driver's exclusive claim. `hashes` are those of the stages: by them a node with another version of
    the program, of a prompt or of a checkpoint is noticed before it makes anything.
    """

    config: str
    schema: str
    run: Claim
    hashes: StageHashes


class NodeShard(NamedTuple):
    """A part of the run's videos, for one node. `addresses` are pairs: a source's address, and the one with its key."""

    number: int
    ids: tuple[str, ...]
    addresses: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        """Without addresses: their keys are secret."""
        return f"NodeShard({self.number}, {len(self.ids)} videos)"


class NodeReading(NamedTuple):
    """What a node has done since it opened the run: counts by stage, megabytes received, and its meter."""

    rows: dict[str, dict[str, int]]
    megabytes: float
    meter: Reading


class Carried(NamedTuple):
    """What became of a shard on a node.

    `lost`: another node holds the shard, or took it over. `replaced` are videos whose source gave other bytes than
    before: they are due again.
    """

    lost: bool
    replaced: tuple[str, ...] = ()
