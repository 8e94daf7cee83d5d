"""Requests to stop a run, by way of its ledger: they reach it from another terminal and from another machine.

A run notes a random name for itself, and whoever wants it to stop notes that name again. So a request is for one run
only, an old one stops nothing, and no clock is compared. Nobody needs the workspace's lock for it.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import sqlalchemy as sa

from curation.ledger.claims import RUN, new_owner
from curation.ledger.ledger import Ledger
from schemas.errors import ClaimLost

log = logging.getLogger(__name__)

_RUNNING, _STOP = "running", "stop asked of"  # properties
_EVERY = 1.0  # seconds


class Running(NamedTuple):
    """What a run notes about itself: its name, its owner as claims name them, and the number of the run before it."""

    name: str
    owner: str
    after: int


@contextmanager
def listening(ledger: Ledger, stop: threading.Event, told: Callable[[], None]) -> Iterator[Running]:
    """While the block runs, look each second whether somebody asked this run to stop; then call `told`, and set `stop`.

    For a process that holds the workspace. A database that does not answer is asked again.
    """
    last = ledger.last_run()
    running = Running(secrets.token_hex(8), new_owner(), last.number if last is not None else 0)
    ledger.replace_property(_RUNNING, json.dumps(running))
    ended = threading.Event()

    def listen() -> None:
        while not ended.wait(_EVERY):
            try:
                asked = ledger.property(_STOP) == running.name
            except sa.exc.SQLAlchemyError as error:
                log.debug("nobody knows whether the run is to stop: %s", error)
                continue
            if asked:
                told()
                stop.set()
                return

    thread = threading.Thread(target=listen, name="stop requests", daemon=True)
    thread.start()
    try:
        yield running
    finally:
        ended.set()
        thread.join()
        _note_end(ledger)


def _note_end(ledger: Ledger) -> None:
    with suppress(sa.exc.SQLAlchemyError, ClaimLost):  # the error that ended the run is more useful
        ledger.replace_property(_RUNNING, "")


def running_of(ledger: Ledger) -> Running | None:
    """What the present run notes; also that of a run that was killed. None when the last one has ended."""
    noted = ledger.property(_RUNNING)
    return Running(*json.loads(noted)) if noted else None


def is_held(ledger: Ledger) -> bool | None:
    """Whether a process holds the ledger's claim of a run; None for a ledger in a file, which has no claims."""
    if ledger.engine.dialect.name != "postgresql":
        return None
    held = ledger.held(RUN)
    return held is not None and held.current


def ask(ledger: Ledger, running: Running) -> None:
    """Ask a run to stop."""
    ledger.replace_property(_STOP, running.name)
