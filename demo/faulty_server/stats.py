"""What the fault-injecting server counted; written by its loop, read from any thread."""

from __future__ import annotations

import threading
import time
from collections import Counter, OrderedDict, deque
from typing import Any, NamedTuple

_LOGGED = 100_000
_REMEMBERED = 200_000


class Logged(NamedTuple):
    """One whole answer that was sent: SHA-256 of the request's picture (None: it had none), the text, its fault."""

    image_sha256: str | None
    text: str
    fault: str | None


class Counts(NamedTuple):
    """The state at one moment.

    `received`: chat requests; `answered`: those that got a whole answer with status 200 (truncated and swapped ones
    too); `refused` by status; `faults` by kind; `peak_in_flight`: the most chat requests that were open at once, those
    that waited among them; `peak_working`: the most that held a slot; `span_seconds`: from the arrival of the first
    chat request to the latest whole answer.
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
    """Counters and a bounded log."""

    def __init__(self) -> None:
        """All zero."""
        self._lock = threading.Lock()
        self._received = self._answered = 0
        self._in_flight = self._peak = self._working = self._peak_working = 0
        self._first = self._latest = 0.0
        self._refused: Counter[int] = Counter()
        self._faults: Counter[str] = Counter()
        self._log: deque[Logged] = deque(maxlen=_LOGGED)
        self._attempts: OrderedDict[bytes, int] = OrderedDict()

    def arrive(self, body: bytes) -> int:
        """Count a request with this digest of its body; how often that body came before."""
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
        """Count a request that is over, however it ended."""
        with self._lock:
            self._in_flight -= 1

    def work(self, by: int) -> None:
        """A slot is taken (1) or given back (-1)."""
        with self._lock:
            self._working += by
            self._peak_working = max(self._peak_working, self._working)

    def fault(self, kind: str) -> None:
        """Count a fault."""
        with self._lock:
            self._faults[kind] += 1

    def refuse(self, status: int) -> None:
        """Count an answer that is none."""
        with self._lock:
            self._refused[status] += 1

    def answer(self, image_sha256: str | None, text: str, fault: str | None) -> None:
        """Count and log an answer that was sent whole."""
        with self._lock:
            self._latest = time.monotonic()
            self._answered += 1
            self._log.append(Logged(image_sha256, text, fault))

    def read(self) -> Counts:
        """The counters now."""
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
