"""Lets Ctrl-C and SIGTERM stop a run at a safe point, within seconds.

Python calls signal handlers in the main thread, and Prefect replaces the handler of SIGTERM in the thread that runs a
flow, if it is the main one. So the run gets a thread of its own, and the main thread only waits and listens.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from types import FrameType
from typing import NoReturn, TypeVar

from schemas.errors import Interrupted, Terminated

T = TypeVar("T")

# Kubernetes and Slurm kill 30 s after SIGTERM. What takes longer (a batch of a large model) is not waited for.
GRACE_SECONDS = 15.0
_AGAIN_SECONDS = 1.0  # a signal to the process and one to its group are one request
_POLL_SECONDS = 0.2
_SHOW_CURSOR = "\x1b[?25h"


def stoppable(work: Callable[[], T], stop: threading.Event, grace: float = GRACE_SECONDS) -> T:
    """Run `work` in a thread; set `stop` at the first Ctrl-C or SIGTERM, so that it ends at a safe point.

    The process ends at once, with a sentence, at the second signal and when `work` has not ended `grace` seconds after
    the first. That is safe: a ledger survives a kill at any moment. Returns what `work` returns and raises what it
    raises, but Terminated instead of Interrupted after SIGTERM. Outside the main thread it only calls `work`.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    asked: list[tuple[int, float]] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if not asked:
            asked.append((number, now))
            stop.set()  # once: a second call inside the first one, where a signal comes then, would wait for ever
        elif now - asked[0][1] > _AGAIN_SECONDS:
            _end_now(asked[0][0], "a second signal")

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    outcome: Future[T] = Future()
    thread = threading.Thread(target=_run, args=(work, outcome), name="run", daemon=True)
    try:
        thread.start()
        while thread.is_alive():
            thread.join(_POLL_SECONDS)
            if asked and time.monotonic() - asked[0][1] > grace and thread.is_alive():
                _end_now(asked[0][0], f"no safe point within {grace:g} s")
        if asked:  # the second half of one request must not meet the handlers from before, which would kill
            time.sleep(max(0.0, asked[0][1] + _AGAIN_SECONDS - time.monotonic()))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    try:
        return outcome.result()
    except Interrupted as error:
        if asked and asked[0][0] == signal.SIGTERM:
            raise Terminated(f"SIGTERM: {error}") from error
        raise


def _run(work: Callable[[], T], outcome: Future[T]) -> None:
    try:
        outcome.set_result(work())
    except BaseException as error:  # noqa: BLE001 - the main thread raises it
        outcome.set_exception(error)


def _end_now(number: int, why: str) -> NoReturn:
    """End the process as a kill would, with the exit code of the signal. Child processes end with it."""
    cursor = _SHOW_CURSOR if sys.stderr.isatty() else ""
    sys.stderr.write(f"{cursor}v2xum: stopped at once ({why}); the same command goes on from here\n")
    sys.stderr.flush()
    os._exit(128 + number)
