"""What all ways of publishing share: what the user asked for, and how to stop and to say what goes on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from schemas.errors import Interrupted


def _silent(_message: str) -> None:
    """Say nothing."""


class Wishes(NamedTuple):
    """What the user asked for.

    `private`, `gated`: of a repository that has no release yet. `overwrite`: replace what somebody changed by hand.
    """

    private: bool = False
    gated: bool = False
    overwrite: bool = False
    dry_run: bool = False


class Steps:
    """The steps of a publication: says them, and ends between two of them when it shall stop."""

    def __init__(self, report: Callable[[str], None] = _silent, stop: threading.Event | None = None) -> None:
        """`report` is told each step as a sentence."""
        self.report = report
        self._stop = stop or threading.Event()

    def raise_if_stopped(self) -> None:
        """Raise Interrupted when the publication shall stop."""
        if self._stop.is_set():
            raise Interrupted("stopped: readers see what they saw before; the same command goes on from here")

    def wait(self, seconds: float) -> None:
        """Wait so long, or until the publication shall stop. Raises Interrupted."""
        self._stop.wait(seconds)
        self.raise_if_stopped()
