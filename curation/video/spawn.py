"""Starts child processes that do not run the program's main module again.

The start method `spawn` runs the parent's main module in every child. A script or an example that calls the Python API
without `if __name__ == "__main__"` would begin anew in each child. The children here are given functions of importable
modules only, so that they do not need the main module.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

_ONE_AT_A_TIME = threading.Lock()
_TOLD_BY = ("__spec__", "__file__")  # how `spawn` tells what to run


class ChildProcess(SpawnProcess):
    """A spawned process that does not import the parent's main module."""

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        with _main_is_hidden():
            return SpawnProcess._Popen(process_obj)


class ChildContext(SpawnContext):
    """The context `spawn` with such processes."""

    Process = ChildProcess


@contextmanager
def _main_is_hidden() -> Iterator[None]:
    """For the milliseconds of a start, the main module says neither its name nor its file."""
    with _ONE_AT_A_TIME:
        main = vars(sys.modules["__main__"])
        kept = {name: main[name] for name in _TOLD_BY if name in main}
        try:
            main["__spec__"] = None
            main.pop("__file__", None)
            yield
        finally:
            main.update(kept)
