"""Sandboxes that are started one by one, as calls need them, and stay warm for the calls that follow.

A sandbox starts all its children at once. Where 16 calls may run at the same time and are mostly short, that would cost
seconds and gigabytes for nothing. Here one more child starts a second, and only while a call waits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self, TypeVar

from curation.video.sandbox import Limits, Sandbox

T = TypeVar("T")
GROWTH_SECONDS = 1.0


class Sandboxes:
    """Any number of children, each in a sandbox of its own. Several threads may use them at once."""

    def __init__(self, raise_if_stopped: Callable[[], None] = lambda: None) -> None:
        """Start nothing yet. `raise_if_stopped` is as for `Sandbox`."""
        self._raise_if_stopped = raise_if_stopped
        self._free = threading.Condition()
        self._idle: list[Sandbox] = []
        self._all: list[Sandbox] = []
        self._next_start = 0.0  # monotonic seconds

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(
        self,
        function: Callable[..., T],
        *args: Any,
        limits: Limits,
        meanwhile: Callable[[], object] = lambda: None,
    ) -> T:
        """Call a function in the child that was used last of those that are idle, else in a new one.

        Raises what `Sandbox.run` raises.
        """
        sandbox = self._take()
        try:
            return sandbox.run(function, *args, limits=limits, meanwhile=meanwhile)
        finally:
            with self._free:
                self._idle.append(sandbox)
                self._free.notify()

    def _take(self) -> Sandbox:
        with self._free:
            while not self._idle:
                wait = self._next_start - time.monotonic()
                if wait > 0:
                    self._raise_if_stopped()
                    self._free.wait(wait)
                    continue
                self._next_start = time.monotonic() + GROWTH_SECONDS
                self._all.append(Sandbox(raise_if_stopped=self._raise_if_stopped))
                return self._all[-1]
            return self._idle.pop()

    def close(self) -> None:
        """Stop all children, also those that work. A later call starts new ones."""
        with self._free:
            sandboxes = list(self._all)
        if sandboxes:
            with ThreadPoolExecutor(len(sandboxes)) as threads:
                list(threads.map(Sandbox.close, sandboxes))
