"""Watches a measurement from outside: what it took so far, in seconds and in units of the reference, by sitting.

A measurement of hours may be stopped and goes on later. What each sitting took is kept beside the workspace, and
written again every few seconds, so that no crash loses more.
"""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.scaling.reference import reference_seconds
from curation.store.files import write_whole

PROGRESS = "progress.json"  # what the measurement says of itself; growth.py writes it
_EVERY, _ENDING = 30.0, 300.0  # seconds between two looks; the longest wait for a process that was told to stop
STOPPED = 3  # the exit status of a measurement that goes on from here


class Sittings:
    """All sittings of one measurement, the last of which is going on."""

    def __init__(self, folder: Path) -> None:
        """Begin another sitting in the measurement's folder."""
        self._folder, self._file = folder, folder / "sittings.json"
        earlier: list[dict[str, Any]] = json.loads(self._file.read_text()) if self._file.exists() else []
        (folder / PROGRESS).unlink(missing_ok=True)
        self._now: dict[str, Any] = {"seconds": 0.0, "cpu": {}, "memory": {}, "references": 0.0, "reference_ms": []}
        self._all = [*earlier, self._now]

    def look(self) -> None:
        """Count what the measurement took since the last look, in units of the reference as it is now."""
        if not (self._folder / PROGRESS).exists():
            return
        said = json.loads((self._folder / PROGRESS).read_text())
        milliseconds = 1000 * reference_seconds()
        more = sum(said["cpu"].values()) - sum(self._now["cpu"].values())
        self._now["references"] += 1000 * more / milliseconds
        self._now["reference_ms"].append(round(milliseconds, 1))
        self._now.update(seconds=said["seconds"], cpu=said["cpu"], memory=said["memory"])
        write_whole(self._file, json.dumps(self._all))

    def figures(self) -> dict[str, Any]:
        """What all sittings took together; memory is the most of any."""
        roles = sorted({role for each in self._all for role in each["cpu"]})
        cpu = {role: round(sum(each["cpu"].get(role, 0.0) for each in self._all), 1) for role in roles}
        milliseconds = sorted(value for each in self._all for value in each["reference_ms"])
        return {
            "seconds": round(sum(each["seconds"] for each in self._all), 1),
            "cpu_seconds": round(sum(cpu.values()), 1),
            "cpu_by_role": cpu,
            "references": round(sum(each["references"] for each in self._all), 1),
            "reference_ms": [milliseconds[0], milliseconds[len(milliseconds) // 2], milliseconds[-1]],
            "memory_mb": {
                role: round(max(each["memory"].get(role, 0.0) for each in self._all))
                for role in sorted({role for each in self._all for role in each["memory"]})
            },
            "sittings": len(self._all),
        }


def watched(command: Sequence[str], folder: Path) -> dict[str, Any]:
    """Run a measurement until it ends; its figures are its last line of output and those of all sittings.

    On KeyboardInterrupt it is told to stop and waited for. Raises SystemExit where it stopped, RuntimeError with what
    it said where it failed.
    """
    sittings = Sittings(folder)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        out = said = None
        while out is None:
            try:
                with suppress(subprocess.TimeoutExpired):
                    out, said = process.communicate(timeout=_EVERY)
                if out is None:
                    sittings.look()
            except KeyboardInterrupt:  # also while it looks
                process.send_signal(signal.SIGINT)  # Prefect takes SIGTERM for itself
                try:
                    out, said = process.communicate(timeout=_ENDING)
                finally:
                    process.kill()
    sittings.look()
    if process.returncode == STOPPED:
        raise SystemExit((said or "").splitlines()[-1])
    if process.returncode:
        raise RuntimeError((said or "")[-4000:])
    row: dict[str, Any] = json.loads(out.splitlines()[-1])
    return row | sittings.figures()
