"""Runs commands of `v2xum` side by side, each in a process of its own: trainings that hardly use a second core."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any

from schemas.errors import ConfigError
from schemas.kit.local_process import end_with_parent
from schemas.repository import ROOT

_LAST_LINES = 3  # of what a command said, in the error


class Commands:
    """Commands that share the cores of this machine. Where one fails, SIGTERM asks the others to stop."""

    def __init__(self, at_once: int, program: Sequence[str] = (sys.executable, "-m", "flows.cli")) -> None:
        """So many of them run `at_once`. `program`: what the words of a command are given to."""
        self._program = tuple(program)
        threads = str(max((os.cpu_count() or 1) // at_once, 1))
        self._environment = {**os.environ, "OMP_NUM_THREADS": threads}
        self._running: set[subprocess.Popen[str]] = set()
        self._lock, self._ended = threading.Lock(), False

    def run(self, name: str, words: Sequence[Any]) -> None:
        """Run a command to its end. Its lines on stderr go to ours, each after `name`; its stdout is not shown.

        Raises ConfigError, with the last lines, when it ends with another exit code than 0.
        """
        with self._lock:
            if self._ended:
                raise ConfigError(f"{name} was not begun, since another one failed")
            process = subprocess.Popen(
                [*self._program, *map(str, words)],
                cwd=ROOT,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                preexec_fn=end_with_parent,
            )
            self._running.add(process)
        last: deque[str] = deque(maxlen=_LAST_LINES)
        assert process.stderr is not None
        with process:
            for line in process.stderr:
                last.append(line)
                sys.stderr.write(f"{name}: {line}")
        with self._lock:
            self._running.discard(process)
        if process.returncode:
            said = "".join(last).strip()
            raise ConfigError(f"{name} ended with exit code {process.returncode}; the same command goes on:\n{said}")

    def side_by_side(self, works: Sequence[Callable[[], None]]) -> None:
        """Do the works at once. After the first error the others are stopped, and it is raised."""
        with ThreadPoolExecutor(len(works)) as pool:
            futures = [pool.submit(work) for work in works]
            try:
                done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            finally:  # an interrupt too
                self._stop()
        for future in sorted(done, key=futures.index):
            future.result()

    def _stop(self) -> None:
        """Start nothing more, and ask what runs to stop."""
        with self._lock:
            self._ended = True
            for process in self._running:
                process.terminate()
