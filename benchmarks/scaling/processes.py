"""The memory and the processor time of this process and of all that it started, by what they do."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from curation.store.files import write_whole

_TICK = os.sysconf("SC_CLK_TCK")
_EVERY = 5.0  # seconds between two looks; the kernel keeps the peak of a process while it lives
# A word of a process's command line, and what it does.
_ROLES = (("prefect", "server"), ("spawn_main", "decoders"), ("forkserver", "decoders"))


class Process(NamedTuple):
    """A process: its role, its peak memory (MB), its processor time and that of its ended children (seconds)."""

    role: str
    peak_mb: float
    cpu: float
    ended: float


class Watch(threading.Thread):
    """Looks at this process and its descendants, and writes what they took since the start into a file, as JSON.

    `seconds`, `cpu` (seconds by role) and `memory` (the most MB that one process of a role had).
    """

    def __init__(self, file: Path) -> None:
        """Start to look; `close` ends it."""
        super().__init__(name="watch", daemon=True)
        self._file = file
        self._began, self._busy = time.perf_counter(), cpu_seconds()
        self._peaks: dict[str, float] = defaultdict(float)
        self._over = threading.Event()
        self.start()

    def run(self) -> None:
        """Look until `close`."""
        while not self._over.wait(_EVERY):
            self._look()

    def close(self) -> None:
        """Look once more, and end."""
        self._over.set()
        self.join()
        self._look()

    def _look(self) -> None:
        for process in family():
            self._peaks[process.role] = max(self._peaks[process.role], process.peak_mb)
        after = cpu_seconds()
        spent = {role: round(after[role] - self._busy.get(role, 0.0), 2) for role in sorted(after)}
        said = {"seconds": time.perf_counter() - self._began, "cpu": spent, "memory": self._peaks}
        write_whole(self._file, json.dumps(said))


def family() -> list[Process]:
    """This process, whose role is `run`, and all its descendants."""
    folders = (folder for folder in Path("/proc").iterdir() if folder.name.isdigit())
    stats = {int(folder.name): stat for folder in folders if (stat := _stat(folder))}
    children: dict[int, list[int]] = defaultdict(list)
    for pid, stat in stats.items():
        children[int(stat[1])].append(pid)
    found, waiting = [], [os.getpid()]
    while waiting:
        pid = waiting.pop()
        waiting.extend(children[pid])
        user, system, *ended = (int(ticks) / _TICK for ticks in stats[pid][11:15])
        role = "run" if pid == os.getpid() else _role(pid)
        found.append(Process(role, _peak_mb(pid), user + system, sum(ended)))
    return found


def cpu_seconds() -> dict[str, float]:
    """The processor time of this process and of its descendants by role; children of the run that ended were decoders.

    A decoder is replaced after some films, so that most of their time is that of ended ones.
    """
    found: dict[str, float] = defaultdict(float)
    for process in family():
        found[process.role] += process.cpu
        found["decoders" if process.role == "run" else process.role] += process.ended
    return found


def _stat(folder: Path) -> list[str]:
    """The fields behind a process's name (proc(5): state, parent, ...); none where it has ended."""
    try:
        return (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _role(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        words = ""
    return next((role for word, role in _ROLES if word in words), "other")


def _peak_mb(pid: int) -> float:
    try:
        words = Path(f"/proc/{pid}/status").read_text().partition("VmHWM:")[2].split()
    except OSError:
        words = []
    return int(words[0]) / 1024 if words else 0.0
