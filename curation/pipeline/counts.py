"""Counts of a run: videos made, reused and rejected by stage, and bytes received."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Literal

from curation.ledger.stages import STAGES

Outcome = Literal["made", "reused", "rejected"]


def _none() -> dict[str, int]:
    return {"made": 0, "reused": 0, "rejected": 0}


class Counts:
    """The counts of this run: videos made, reused and rejected by stage, and bytes received. Threads may share it."""

    def __init__(self, listener: Callable[[str, Counts], None] | None = None) -> None:
        """Call `listener` with the stage after every count."""
        self._rows: dict[str, dict[str, int]] = {stage: _none() for stage in STAGES.names}
        self._total = 0
        self._nodes: dict[str, tuple[dict[str, dict[str, int]], float]] = {}
        self._lock = threading.Lock()
        self._listener = listener

    def transferred(self, count: int) -> None:
        """Add `count` bytes that were received over the network."""
        with self._lock:
            self._total += count
        self._tell("download")

    @property
    def megabytes(self) -> float:
        """Megabytes (10**6 bytes) that this run received over the network."""
        with self._lock:
            return self._total / 1e6 + sum(megabytes for _, megabytes in self._nodes.values())

    def advance(self, stage: str, outcome: Outcome) -> None:
        """Count one video."""
        with self._lock:
            self._rows.setdefault(stage, _none())[outcome] += 1
        self._tell(stage)

    def rows(self) -> dict[str, dict[str, int]]:
        """The counts by stage, in order; of an optional stage only once it has counted a video."""
        with self._lock:
            found = {stage: dict(row) for stage, row in self._rows.items()}
            for rows, _ in self._nodes.values():
                for stage, row in rows.items():
                    for outcome, count in row.items():
                        found.setdefault(stage, _none())[outcome] += count
        return {stage.name: found[stage.name] for stage in STAGES.every if stage.name in found}

    def note(self, node: str, rows: dict[str, dict[str, int]], megabytes: float) -> None:
        """Note what a node of the run has counted so far, in place of what it had counted before."""
        with self._lock:
            before = self._nodes.get(node, ({}, 0.0))[0]
            self._nodes[node] = rows, megabytes
        for stage, row in rows.items():
            if sum(row.values()) != sum(before.get(stage, {}).values()):
                self._tell(stage)

    def _tell(self, stage: str) -> None:
        if self._listener is not None:
            self._listener(stage, self)
