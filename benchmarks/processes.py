"""Child processes of benchmarks and tests: runs work in a fresh process, measures memory, waits for servers."""

from __future__ import annotations

import multiprocessing
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol


class Running(Protocol):
    """A program in a process of its own: what subprocess.Popen and the forks of tests have in common."""

    pid: int

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the exit code. Raises subprocess.TimeoutExpired."""

    def kill(self) -> None:
        """End the process at once."""


def in_fresh_process(work: Callable[..., None], *arguments: Any) -> dict[str, Any]:
    """Call `work(*arguments, answer)` in a fresh process. Returns what it sends through the connection `answer`."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=work, args=(*arguments, sender))
    process.start()
    sender.close()
    result: dict[str, Any] = receiver.recv()
    process.join()
    return result


def peak_memory() -> float:
    """The most memory in MB that this process has had since its start; getrusage would include its parent's."""
    return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) / 1024


def answers_health(url: str, process: Running, seconds: float) -> bool:
    """Wait until `url`/health answers; False when the server's process ended or `seconds` have passed."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/health", timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return True
    return False
