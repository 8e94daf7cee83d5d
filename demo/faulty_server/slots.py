"""Slots: a fixed number of places for requests, each busy for a fixed time, which model the capacity of a server."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

_LATE = 0.25  # seconds: a slot that is later than this counts from now, because the process was stopped


class QueueFull(Exception):
    """As many requests wait as the queue holds."""


class Slots:
    """`capacity` slots. `begin` waits for a slot and returns when its time began (seconds of the loop's clock).

    A slot that goes on to a waiting request begins when the request before it was due to end, not when this process
    handed it over. So a server that always has work answers capacity / latency requests a second, however late the
    timers of the machine are.
    """

    def __init__(self, capacity: int, queue: int | None) -> None:
        """All slots are free. `queue` is the most requests that may wait (None: any number)."""
        self._free = capacity
        self._queue = queue
        self._waiting: deque[asyncio.Future[float]] = deque()

    @property
    def waiting(self) -> int:
        """How many requests wait for a slot."""
        return len(self._waiting)

    async def begin(self) -> float:
        """Take a slot, in order of arrival. Raises QueueFull at once when too many requests wait."""
        loop = asyncio.get_running_loop()
        if self._free > 0:
            self._free -= 1
            return loop.time()
        if self._queue is not None and len(self._waiting) >= self._queue:
            raise QueueFull
        place: asyncio.Future[float] = loop.create_future()
        self._waiting.append(place)
        try:
            return await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.end(place.result())  # the request got a slot at the moment when its client went away
            else:
                with contextlib.suppress(ValueError):  # `end` has removed it already
                    self._waiting.remove(place)
            raise

    def end(self, due: float) -> None:
        """Give back a slot that was due to end at `due` (seconds of the loop's clock)."""
        now = asyncio.get_running_loop().time()
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(due if now - due < _LATE else now)
                return
        self._free += 1
