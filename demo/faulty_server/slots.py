"""A fixed number of places to work in, each busy for a fixed time: the exact model of a server's capacity."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

_LATE = 0.25  # seconds by which a slot may be late and still count from when it was due: more is a stopped process


class QueueFull(Exception):
    """More requests wait than the queue holds."""


class Slots:
    """`capacity` slots; `begin` waits for one and tells when its time began (seconds of the loop's clock).

    A slot that is handed to a waiting request begins when its predecessor was due to end, not when this process came to
    it. So a server that always has work does capacity / latency a second, whatever the timers of the machine.
    """

    def __init__(self, capacity: int, queue: int | None) -> None:
        """Nothing is busy."""
        self._free = capacity
        self._queue = queue
        self._waiting: deque[asyncio.Future[float]] = deque()

    @property
    def waiting(self) -> int:
        """Requests that wait for a slot."""
        return len(self._waiting)

    async def begin(self) -> float:
        """Take a slot, in order of arrival. Raises QueueFull at once."""
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
                self.end(place.result())  # it was given a slot just when its client went away
            else:
                with contextlib.suppress(ValueError):  # `end` passed over it already
                    self._waiting.remove(place)
            raise

    def end(self, due: float) -> None:
        """Give a slot back that was due to end at `due`."""
        now = asyncio.get_running_loop().time()
        while self._waiting:
            place = self._waiting.popleft()
            if not place.done():
                place.set_result(due if now - due < _LATE else now)
                return
        self._free += 1
