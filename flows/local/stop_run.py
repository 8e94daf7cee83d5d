"""Asks the run of a workspace to stop, from any terminal and any machine that reaches its ledger, and waits for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

from curation.ledger.claims import described, is_gone
from curation.ledger.holding.stop_requests import Running, ask, is_held, running_of
from curation.ledger.ledger import Ledger
from curation.ledger.runs import IDLE, RunRow
from curation.store.files import folder_is_held
from curation.workspace import Workspace
from schemas.errors import RunStopped

_EVERY = 0.5  # seconds
_NOTHING = "nothing is running"
_SAID = {
    "stopped": "stopped at a safe point; the same `v2xum curate` goes on from here",
    "probe stopped": "stopped at a safe point; the same `v2xum plan` goes on from here",
    "finished": "the run came to its end before it could stop",
    "probed": "the run came to its end before it could stop",
    IDLE: "the run had nothing to do, and came to its end",
    "budget": "the run had used up its budget, and stopped by itself",
    "failed": "the run failed before it could stop: `v2xum report` writes why",
}
_KILLED = "the run has ended and noted no outcome: it was killed, or its machine failed"
_EARLY = "the run stopped before its first video"


def stop_run(place: Workspace, wait: float, note: Callable[[str], None]) -> str:
    """Ask the run of a workspace to stop at a safe point, and wait for its end; returns what to say of it.

    `wait`: at most so many seconds; with 0 the request is only noted. `note` is told whom it waits for. The lock of the
    workspace is not needed. Raises RunStopped when the run has not ended by then, and as `Workspace.ledger`.
    """
    with closing(place.ledger()) as ledger:
        running = running_of(ledger)
        if not _is_running(place, ledger, running):
            return _NOTHING
        until = time.monotonic() + wait
        asked: Running | None = None
        while True:
            if running is not None and asked is None:
                ask(ledger, running)
                asked = running
                note(f"{described(running.owner)} is asked to stop")
            if time.monotonic() >= until:
                break
            time.sleep(_EVERY)
            running = running_of(ledger)
            if (asked is not None and running not in (None, asked)) or not _is_running(place, ledger, running or asked):
                return _ending(ledger.last_run(), asked)
        if asked is None:
            raise RunStopped(
                f"{place.root}: another command than `v2xum curate` holds this workspace, and cannot be asked to stop; "
                "wait for it"
            )
        if wait <= 0:
            return "the run is asked to stop; nobody waited for its end"
    raise RunStopped(
        f"{place.root}: the run has not ended within {wait:g} s. It is asked to stop, and does so at its next safe "
        f"point; `v2xum stop {place.root}` waits again"
    )


def _is_running(place: Workspace, ledger: Ledger, running: Running | None) -> bool:
    if running is not None and is_gone(running.owner):
        return False
    claimed = is_held(ledger)
    return claimed if claimed is not None else folder_is_held(place.root)


def _ending(last: RunRow | None, asked: Running | None) -> str:
    if asked is None:
        return "the command that held the workspace has ended"
    if last is None or last.number <= asked.after:
        return _EARLY
    if last.ended_at is None:
        return _KILLED
    return _SAID.get(last.outcome, f"the run has ended: {last.outcome}")
