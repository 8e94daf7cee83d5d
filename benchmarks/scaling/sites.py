"""What a run on many GPUs would take: sites of a group, with measured costs, and estimates where none was."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

from benchmarks.scaling.simulate import Simulated, Station, simulate

GPUS = (1, 2, 4, 8, 16, 32, 64)
VIDEOS = (100_000, 1_000_000, 10_000_000)
_SIMULATED = 10_000  # videos; the rate of more is the same
_GPUS_A_NODE, _CORES_A_NODE = 8, 64
_IN_FLIGHT = 100  # videos of one worker: run.shards_in_flight x run.shard_size


class Costs(NamedTuple):
    """Seconds of a video of 183 frames at each station, and bytes.

    `decode`: of one core. `client`: of the worker's own process, which uses one core (Python's lock). `gpu`: of one GPU
    for captions, extract and refine. `ledger`: of the database's machine. `export`: of one process, after all videos.
    `export_kb`: memory of the export. `ledger_kb`: disk of the ledger.
    """

    decode: float
    client: float
    gpu: float
    ledger: float
    export: float
    export_kb: float
    ledger_kb: float


# 15 minutes of 360p take 8 to 10 core seconds (python -m benchmarks frames).
DECODE = 2.0
# Estimates by published rates: captions of 35 unlike frames, 7 h of an H200 for 30,000 videos; texts, a third of that.
GPU = 1.12
# With 64 workers and fences (python -m benchmarks shared_ledger, decision 0069).
LEDGER = 0.0071


class Site(NamedTuple):
    """Nodes of 8 GPUs and 64 cores (or one smaller node), with some workers each.

    `pace`: seconds between two downloads of one node's address; 0 for files of the group's own.
    """

    gpus: int
    workers_a_node: int = 1
    pace: float = 0.0

    @property
    def nodes(self) -> int:
        """How many machines have GPUs."""
        return -(-self.gpus // _GPUS_A_NODE)

    def stations(self, costs: Costs) -> list[Station]:
        """The stations of the run, in the order of a video's way."""
        cores = self.nodes * min(_CORES_A_NODE, self.gpus * _CORES_A_NODE // _GPUS_A_NODE)
        return [
            *([Station("download", self.nodes, self.pace)] if self.pace else []),
            Station("decoding", cores, costs.decode, 0.5),
            Station("worker process", self.nodes * self.workers_a_node, costs.client, 0.3),
            Station("GPU", self.gpus, costs.gpu, 0.5),
            Station("ledger", 1, costs.ledger, 0.5),
        ]


class Answer(NamedTuple):
    """A run of so many videos: hours of the stages and of the export, and what takes most of the time."""

    videos: int
    stages_hours: float
    export_hours: float
    bottleneck: str
    export_gb: float
    ledger_gb: float


@functools.lru_cache
def rate(site: Site, costs: Costs) -> Simulated:
    """A run of some thousand videos on the site."""
    in_flight = _IN_FLIGHT * site.nodes * site.workers_a_node
    return simulate(site.stations(costs), _SIMULATED, in_flight, seed=site.gpus)


def answer(site: Site, costs: Costs, videos: int) -> Answer:
    """What so many videos take; stages work side by side, the export comes after them."""
    found = rate(site, costs)
    stages, export = videos / found.rate / 3600, videos * costs.export / 3600
    bottleneck = found.bottleneck if stages > export else "export"
    return Answer(videos, stages, export, bottleneck, videos * costs.export_kb / 1e6, videos * costs.ledger_kb / 1e6)


def calibrated(rows: Sequence[dict[str, Any]]) -> Costs:
    """The costs of one video more, from the smallest and the largest measured size. Raises ValueError for one size."""
    if len(rows) < 2:
        raise ValueError("costs of one video more need two sizes")
    few, many = rows[0], rows[-1]

    def more(figure: str, part: str | None = None) -> float:
        values = [float(row[figure][part] if part else row[figure]) for row in (few, many)]
        return (values[1] - values[0]) / float(many["videos"] - few["videos"])

    export = more("export_seconds")
    return Costs(
        decode=DECODE,
        client=max(more("cpu_by_role", "run") - export, 0.0),
        gpu=GPU,
        ledger=LEDGER,
        export=export,
        export_kb=1000 * more("memory_mb", "run"),
        ledger_kb=1000 * more("ledger_mb"),
    )
