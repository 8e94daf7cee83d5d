"""The order in which videos of several shards use decoders and model servers: smaller positions first.

Without an order, shards that run side by side finish a stage together, and the server waits while the next ones
are decoded. With the order, the first shard is captioned while the next one is decoded.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from curation.ledger.stages import STAGES, Lane, Model
from curation.pipeline.settings import works_with
from schemas.configuration.config import CurateConfig
from schemas.configuration.model_config import ServerConfig

RECOGNISER: Model = "transcriber"  # it hears sound: its work is counted in seconds alone
_POLL = 0.25  # seconds between two checks whether the run is to stop


class PriorityGate:
    """Lets a limited number of threads in at once, the smallest number first. Threads share it."""

    def __init__(self, places: int, raise_if_stopped: Callable[[], None] = lambda: None) -> None:
        """Let `places` threads in at once. A waiting thread calls `raise_if_stopped`, which may raise RunStopped."""
        self._free = places
        self._raise_if_stopped = raise_if_stopped
        self._waiting: list[tuple[int, int]] = []
        self._tickets = 0
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, number: int) -> Iterator[None]:
        """Wait until a place is free and no thread with a smaller number waits; hold the place inside the block."""
        self._enter(number)
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()

    def _enter(self, number: int) -> None:
        with self._changed:
            self._tickets += 1
            ticket = (number, self._tickets)
            heapq.heappush(self._waiting, ticket)
            try:
                while not (self._free > 0 and self._waiting[0] == ticket):
                    self._changed.wait(_POLL)
                    self._raise_if_stopped()
            except BaseException:
                self._waiting.remove(ticket)
                heapq.heapify(self._waiting)
                self._changed.notify_all()
                raise
            heapq.heappop(self._waiting)
            self._free -= 1
            self._changed.notify_all()  # a further place may be free for the next one


def workers(stage: str, config: CurateConfig) -> int:
    """How many videos of a shard are at a stage at once.

    A model in this process runs one batch at a time. A server gets the requests of several videos, so that it does not
    wait for the last frames of one video.
    """
    return config.run.download_workers if STAGES[stage].lane == "download" else places(stage, config)


def lane_of(stage: str, config: CurateConfig) -> Lane | None:
    """The lane in which a stage works. To recognise what is said is a model's work; to read subtitles is none."""
    return "model" if recognises(stage, config) else STAGES[stage].lane


def recognises(stage: str, config: CurateConfig) -> bool:
    """Whether a stage asks the speech recogniser under this configuration."""
    return RECOGNISER in works_with(STAGES[stage], config, config.models)[0]


def places(stage: str, config: CurateConfig) -> int:
    """How many videos of the whole run are at a stage at once."""
    lane = STAGES[stage].lane
    asked: list[Model | None] = [STAGES[stage].asks, STAGES[stage].beside]
    if asked[0] is None and STAGES[stage].models_when is not None:
        asked = [next(iter(works_with(STAGES[stage], config, config.models)[0]), None)]
    if asked[0] is not None:
        models = [one for name, one in config.models.named().items() if name.partition(".")[0] in asked]
        served = bool(models) and all(isinstance(one, ServerConfig) for one in models)
        return config.run.model_workers if served else 1
    if lane == "download":
        return config.run.download_workers * config.run.shards_in_flight
    return config.run.decode_workers if lane == "decode" else config.run.shards_in_flight
