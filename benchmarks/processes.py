"""Work in a process of its own, and how much memory a process took."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any


def apart(work: Callable[..., None], *given: Any) -> dict[str, Any]:
    """Call `work(*given, answer)` in a fresh process; returns what it sends to the connection `answer`."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(*given, there))
    process.start()
    there.close()
    found: dict[str, Any] = here.recv()
    process.join()
    return found


def peak() -> float:
    """The most memory that this process has held since its start, in MB (getrusage would count its parent's too)."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024
