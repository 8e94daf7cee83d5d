"""The meter of a run: counters of tokens, replies, frames, retries, failures and waiting times, shared by threads."""

from __future__ import annotations

import functools
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

Wait = Literal["model", "decode", "download"]
Gauge = Literal["in_flight", "queued"]


class Reading(NamedTuple):
    """The state of a meter at one moment. Counters count from the start of the run.

    `seconds` is wall time since the start. `cached` counts replies that the ledger had already. `in_flight` requests
    are at servers, `queued` ones wait for their turn. `retries` and `failures` count by slug (`rate_limited`,
    `server_error`, `timeout`, `connection`, `bad_reply` ...). `waits` are seconds that threads waited, summed over
    threads. `limits` is how many requests each server may have at once now. `paused` says why nothing is sent; None
    while requests are sent. `busy_seconds` is wall time with at least one request in flight. `frames` were handed to
    the captioner.
    """

    seconds: float
    tokens_in: int
    tokens_out: int
    replies: int
    cached: int
    in_flight: int
    queued: int
    retries: dict[str, int]
    failures: dict[str, int]
    waits: dict[str, float]
    limits: dict[str, int]
    paused: str | None
    busy_seconds: float
    frames: int = 0


class Meter:
    """The counters and gauges of one run. Every method may be called from any thread."""

    def __init__(self) -> None:
        """Start all counters at zero, and the clock now."""
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._tokens_in = self._tokens_out = self._replies = self._cached = self._frames = 0
        self._gauges: Counter[str] = Counter()
        self._retries: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._waits: dict[str, float] = {}
        self._limits: dict[str, int] = {}
        self._paused: dict[str, str] = {}
        self._busy = 0.0
        self._busy_since: float | None = None
        self._nodes: dict[str, Reading] = {}

    def note(self, node: str, reading: Reading) -> None:
        """Note the reading of a node of the run, in place of its last one. `read` adds it to what was counted here."""
        with self._lock:
            self._nodes[node] = reading

    def reply(self, tokens_in: int, tokens_out: int) -> None:
        """Count a reply that a model gave just now: it was paid for."""
        with self._lock:
            self._replies += 1
            self._tokens_in += tokens_in
            self._tokens_out += tokens_out

    def cached(self, count: int) -> None:
        """Count replies that were read from the ledger."""
        with self._lock:
            self._cached += count

    def frame(self) -> None:
        """Count one frame that is handed to the captioner."""
        with self._lock:
            self._frames += 1

    def change(self, gauge: Gauge, by: int) -> None:
        """Add `by` to a gauge: requests at servers (`in_flight`), or requests that wait for their turn (`queued`)."""
        with self._lock:
            before = self._gauges["in_flight"]
            self._gauges[gauge] += by
            after = self._gauges["in_flight"]
            now = time.monotonic()
            if before <= 0 < after:
                self._busy_since = now
            elif after <= 0 < before and self._busy_since is not None:
                self._busy += now - self._busy_since
                self._busy_since = None

    def retry(self, kind: str) -> None:
        """Count a request that is sent again, by the kind of fault."""
        with self._lock:
            self._retries[kind] += 1

    def failure(self, kind: str) -> None:
        """Count a request that was given up, or a reply that could not be used, by the kind of fault."""
        with self._lock:
            self._failures[kind] += 1

    def limit(self, server: str, requests: int) -> None:
        """Record how many requests a server may have at once from now on."""
        with self._lock:
            self._limits[server] = requests

    def pause(self, why: str | None, model: str = "") -> None:
        """Record why nothing is sent to a model's servers; None when requests are sent again."""
        with self._lock:
            if why is None:
                self._paused.pop(model, None)
            else:
                self._paused[model] = why

    @contextmanager
    def waiting(self, wait: Wait) -> Iterator[None]:
        """Add the time inside the block to the seconds that threads waited for models, decoders or downloads."""
        began = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self._waits[wait] = self._waits.get(wait, 0.0) + time.monotonic() - began

    def read(self) -> Reading:
        """The state at this moment."""
        with self._lock:
            now = time.monotonic()
            busy = self._busy + (now - self._busy_since if self._busy_since is not None else 0.0)
            own = Reading(
                seconds=now - self._began,
                tokens_in=self._tokens_in,
                tokens_out=self._tokens_out,
                replies=self._replies,
                cached=self._cached,
                in_flight=self._gauges["in_flight"],
                queued=self._gauges["queued"],
                retries=dict(self._retries),
                failures=dict(self._failures),
                waits=dict(self._waits),
                limits=dict(self._limits),
                paused="; ".join(self._paused.values()) or None,
                busy_seconds=busy,
                frames=self._frames,
            )
            return functools.reduce(_together, self._nodes.values(), own)


def _together(own: Reading, node: Reading) -> Reading:
    """Two readings as one: everything is added but the wall time, which is the first one's, and the busy time."""
    return Reading(
        seconds=own.seconds,
        tokens_in=own.tokens_in + node.tokens_in,
        tokens_out=own.tokens_out + node.tokens_out,
        replies=own.replies + node.replies,
        cached=own.cached + node.cached,
        in_flight=own.in_flight + node.in_flight,
        queued=own.queued + node.queued,
        retries=dict(Counter(own.retries) + Counter(node.retries)),
        failures=dict(Counter(own.failures) + Counter(node.failures)),
        waits={name: own.waits.get(name, 0.0) + node.waits.get(name, 0.0) for name in {**own.waits, **node.waits}},
        limits={**own.limits, **node.limits},
        paused="; ".join(filter(None, (own.paused, node.paused))) or None,
        busy_seconds=max(own.busy_seconds, node.busy_seconds),
        frames=own.frames + node.frames,
    )
