"""A queueing simulation of a run: stations in a row, each with some servers, and a bound of videos in flight."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Station(NamedTuple):
    """Something that every video needs: `servers` at once, each for `mean` seconds a video.

    `spread` is the coefficient of variation of the service time, which is log-normal; 0 is always the mean.
    """

    name: str
    servers: int
    mean: float
    spread: float = 0.0


class Simulated(NamedTuple):
    """What a simulation gave: the wall time in seconds, videos a second, and each station's busy share (0..1)."""

    seconds: float
    rate: float
    busy: dict[str, float]

    @property
    def bottleneck(self) -> str:
        """The busiest station."""
        return max(self.busy, key=lambda name: self.busy[name])


def simulate(stations: Sequence[Station], videos: int, in_flight: int, seed: int = 0) -> Simulated:
    """Let so many videos pass through the stations.

    Videos are served in the order of their begin at every station; one begins when fewer than `in_flight` others are
    under way. Raises ValueError for a station without servers, or nothing to do.
    """
    if videos < 1 or in_flight < 1 or any(station.servers < 1 or station.mean < 0 for station in stations):
        raise ValueError("a simulation needs videos, a place for one in flight, and servers at every station")
    generator = np.random.default_rng(seed)
    times = np.column_stack([_times(station, videos, generator) for station in stations])
    free = [[0.0] * station.servers for station in stations]
    under_way: list[float] = []
    ended = 0.0
    for row in times.tolist():
        at = heapq.heappop(under_way) if len(under_way) >= in_flight else 0.0
        for servers, time in zip(free, row, strict=True):
            at = max(at, servers[0]) + time
            heapq.heapreplace(servers, at)
        heapq.heappush(under_way, at)
        ended = max(ended, at)
    worked = times.sum(axis=0)
    busy = {s.name: float(work / (s.servers * ended)) for s, work in zip(stations, worked, strict=True)}
    return Simulated(ended, videos / ended, busy)


def _times(station: Station, videos: int, generator: np.random.Generator) -> np.ndarray:
    """Log-normal service times with the station's mean and spread, in seconds."""
    if not station.spread or not station.mean:
        return np.full(videos, station.mean)
    variance = np.log1p(station.spread**2)
    return generator.lognormal(np.log(station.mean) - variance / 2, np.sqrt(variance), videos)
