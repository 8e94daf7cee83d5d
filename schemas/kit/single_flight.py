"""Work that several threads ask for at once is done once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Calls that come while one with the same key runs wait for it and share its result, or its error."""

    def __init__(self) -> None:
        """Begin with no call."""
        self._lock = threading.Lock()
        self._running: dict[str, Future[T]] = {}

    def run(self, key: str, work: Callable[[], T]) -> T:
        """The result of `work`, or of the call with this key that runs already. Raises what the work raises.

        The work must not ask for its own key again: it would wait for itself.
        """
        with self._lock:
            running = self._running.get(key)
            if running is None:
                future = self._running[key] = Future()
        if running is not None:
            return running.result()
        try:
            result = work()
        except BaseException as error:
            self._end(key)
            future.set_exception(error)
            raise
        self._end(key)
        future.set_result(result)
        return result

    def _end(self, key: str) -> None:
        with self._lock:
            del self._running[key]
