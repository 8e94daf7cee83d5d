"""The counters and the log of the faulty server; its event loop writes them, any thread may read them."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict, deque
from typing import Any, NamedTuple

_LOGGED = 100_000
_REMEMBERED = 200_000


class Logged(NamedTuple):
    """A whole answer that was sent: SHA-256 of the request's picture (None without one), the text, and its fault."""

    image_sha256: str | None
    text: str
    fault: str | None


class Counts(NamedTuple):
    """The counters at one moment.

    `received` counts chat requests. `answered` counts whole answers with status 200, also truncated and swapped ones.
    `refused` counts by status, `faults` by kind. `peak_in_flight` is the most chat requests that were open at once,
    with those that waited; `peak_working` is the most that held a slot. `span_seconds` is the time from the first chat
    request to the latest whole answer.
    """

    received: int
    answered: int
    refused: dict[int, int]
    faults: dict[str, int]
    in_flight: int
    peak_in_flight: int
    peak_working: int
    span_seconds: float


class Stats:
    """The counters, and a log of the latest answers."""

    def __init__(self) -> None:
        """Start all counters at zero."""
        self._lock = threading.Lock()
        self._received = self._answered = 0
        self._in_flight = self._peak = self._working = self._peak_working = 0
        self._first = self._latest = 0.0
        self._refused: Counter[int] = Counter()
        self._faults: Counter[str] = Counter()
        self._log: deque[Logged] = deque(maxlen=_LOGGED)
        self._attempts: OrderedDict[bytes, int] = OrderedDict()

    def arrive(self, body: bytes) -> int:
        """Count a request with this digest of its body; return how often the same body came before."""
        with self._lock:
            self._first = self._first or time.monotonic()
            self._received += 1
            self._in_flight += 1
            self._peak = max(self._peak, self._in_flight)
            attempt = self._attempts.pop(body, 0)
            self._attempts[body] = attempt + 1
            if len(self._attempts) > _REMEMBERED:
                self._attempts.popitem(last=False)
            return attempt

    def leave(self) -> None:
        """Count a request that has ended in any way."""
        with self._lock:
            self._in_flight -= 1

    def work(self, by: int) -> None:
        """Count a slot that is taken (1) or given back (-1)."""
        with self._lock:
            self._working += by
            self._peak_working = max(self._peak_working, self._working)

    def fault(self, kind: str) -> None:
        """Count a fault."""
        with self._lock:
            self._faults[kind] += 1

    def refuse(self, status: int) -> None:
        """Count a refused request by its HTTP status."""
        with self._lock:
            self._refused[status] += 1

    def answer(self, image_sha256: str | None, text: str, fault: str | None) -> None:
        """Count and log an answer that was sent whole."""
        with self._lock:
            self._latest = time.monotonic()
            self._answered += 1
            self._log.append(Logged(image_sha256, text, fault))

    def read(self) -> Counts:
        """The counters at this moment."""
        with self._lock:
            return Counts(
                self._received,
                self._answered,
                dict(self._refused),
                dict(self._faults),
                self._in_flight,
                self._peak,
                self._peak_working,
                max(0.0, self._latest - self._first),
            )

    @property
    def log(self) -> list[Logged]:
        """The latest 100,000 whole answers, oldest first."""
        with self._lock:
            return list(self._log)

    def document(self) -> dict[str, Any]:
        """The counters as JSON."""
        return self.read()._asdict()
