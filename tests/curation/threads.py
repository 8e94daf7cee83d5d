"""Real threads that begin at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def in_threads(number: int, work: Callable[[int], Any]) -> list[Any]:
    """What `work(0)`, `work(1)` ... return or raise, each called in a thread of its own at the same moment."""
    start = threading.Barrier(number)

    def one(which: int) -> Any:
        start.wait()
        return work(which)

    with ThreadPoolExecutor(number) as pool:
        futures = [pool.submit(one, which) for which in range(number)]
    return [future.exception() or future.result() for future in futures]
