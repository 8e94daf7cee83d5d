"""The throughput of a run over time: a reading of its meter every second, in bounded memory."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple

from models.meter import Meter, Reading

EVERY_SECONDS = 1.0
RECENT_SECONDS = 10.0
MOST_POINTS = 2000


class Point(NamedTuple):
    """A meter's counters (since the start) and gauges at one moment, `seconds` after the meter began."""

    seconds: float
    tokens_in: int
    tokens_out: int
    frames: int
    in_flight: int
    queued: int


class Rates(NamedTuple):
    """Means over a span, per second."""

    tokens_in: float = 0.0
    tokens_out: float = 0.0
    frames: float = 0.0


Listener = Callable[[Reading, Rates], None]


class History:
    """Reads a meter on a thread of its own while the block lasts. Threads may share it.

    The points hold counters and not rates, so that every second point can be dropped without an error.
    """

    def __init__(self, meter: Meter, *, every: float = EVERY_SECONDS, most: int = MOST_POINTS) -> None:
        """Read `meter` every `every` seconds and keep at most `most` points."""
        if most < 4:
            raise ValueError("a history needs room for 4 points")
        self._meter, self._every, self._most = meter, every, most
        self._lock = threading.Lock()
        self._points: list[Point] = []
        self._last: Point | None = None
        self._recent: deque[Point] = deque()
        self._stride, self._ticks = 1, 0
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._listeners: list[Listener] = []

    def __enter__(self) -> History:
        """Take the first point and start reading."""
        self._tick()
        self._thread = threading.Thread(target=self._sample, name="history", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop reading and take the last point."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
            self._thread = None
        self._tick()

    def listen(self, listener: Listener) -> None:
        """Call `listener` with every reading, on the reading thread."""
        self._listeners.append(listener)

    def note(self, reading: Reading) -> Rates:
        """Add a reading; return the rates of the last ten seconds. Readings come in the order of time."""
        point = Point(
            reading.seconds,
            reading.tokens_in,
            reading.tokens_out,
            reading.frames,
            reading.in_flight,
            reading.queued,
        )
        with self._lock:
            self._recent.append(point)
            while len(self._recent) > 2 and self._recent[1].seconds <= point.seconds - RECENT_SECONDS:
                self._recent.popleft()
            self._last = point
            if self._ticks % self._stride == 0:
                self._points.append(point)
                if len(self._points) >= self._most:
                    self._points = self._points[::2]
                    self._stride *= 2
            self._ticks += 1
            return rates(self._recent[0], point)

    def points(self) -> list[Point]:
        """The kept points in the order of time; the first and the last reading are always among them."""
        with self._lock:
            kept = list(self._points)
            if self._last is not None and (not kept or kept[-1].seconds < self._last.seconds):
                kept.append(self._last)
            return kept

    def _sample(self) -> None:
        while not self._over.wait(self._every):
            self._tick()

    def _tick(self) -> None:
        reading = self._meter.read()
        recent = self.note(reading)
        for listener in self._listeners:
            listener(reading, recent)


def rates(first: Point, last: Point) -> Rates:
    """Means between two points; zeros where no time has passed."""
    seconds = last.seconds - first.seconds
    if seconds <= 0:
        return Rates()
    return Rates(
        (last.tokens_in - first.tokens_in) / seconds,
        (last.tokens_out - first.tokens_out) / seconds,
        (last.frames - first.frames) / seconds,
    )
