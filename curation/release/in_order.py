"""Works on the videos of a release ahead, on several threads, and gives the results in order."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
# Reading, decoding, drawing and hashing pictures let other threads work; what Python does of a video does not.
THREADS = min(max(os.cpu_count() or 1, 2), 8)
_AHEAD = 2 * THREADS


def in_order(work: Callable[[_Item], _Result], items: Iterable[_Item], name: str) -> Iterator[_Result]:
    """`work` of every item, in their order; some results wait in memory. Raises what `work` and `items` raise.

    `items` are taken on the caller's thread; `name` is that of the threads.
    """
    waiting: deque[Future[_Result]] = deque()
    with ThreadPoolExecutor(THREADS, thread_name_prefix=name) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > _AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
