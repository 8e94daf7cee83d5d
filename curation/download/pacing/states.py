"""What is known of each host: its next turn, its pause and who tries it after a pause. Kept in memory, for one process.

`HostStates` is what a keeper does; in_ledger.py is the one that several machines share.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Turn(NamedTuple):
    """A turn that was given: `wait` seconds until it, and the number of the trial where the visit is one, else None."""

    wait: float
    trial: int | None = None


class Closed(NamedTuple):
    """No turn: the host refused for `reason`. `seconds` are left of its pause; 0 while another visit tries the host."""

    reason: str
    seconds: float


class Paused(NamedTuple):
    """A host that gets no request: `seconds` are left of its pause, `reason` is why."""

    host: str
    seconds: float
    reason: str


class HostStates(Protocol):
    """Keeps the states of all hosts. Threads may share it, and each method is one step that nothing comes between."""

    def take(self, host: str, pace: float) -> Turn | Closed:
        """Take the next turn; the one after it comes `pace` seconds later. With a wait, `begin` follows the wait."""
        ...

    def begin(self, host: str) -> Turn | Closed:
        """Begin a turn that was waited for: a pause may have begun meanwhile. Its wait is 0."""
        ...

    def forbidden(self, host: str) -> tuple[int, bool]:
        """Count an answer `forbidden`: how many there were in a row, and whether the host has refused before."""
        ...

    def answered(self, host: str, trial: int | None) -> None:
        """End a visit that the host answered. A trial ends the pause, unless a later trial took its place."""
        ...

    def refused(self, host: str, trial: int | None, reason: str, pause: Pause) -> None:
        """End a visit that the host refused: a pause begins, or the one that there is becomes longer."""
        ...

    def silent(self, host: str, trial: int | None) -> None:
        """End a visit that says nothing about the host: another one may try it."""
        ...

    def delay(self, host: str, seconds: float) -> None:
        """Give no turn for so many seconds."""
        ...

    def paused(self) -> list[Paused]:
        """The hosts that are paused, by name."""
        ...


class Pause(NamedTuple):
    """The length of a pause in seconds: the first, twice as long with each refusal up to the longest, or as asked."""

    first: float
    longest: float
    asked: float = 0.0


@dataclass
class _State:
    next_turn: float = 0.0
    closed_until: float = 0.0
    reason: str = ""
    forbidden: int = 0
    refusals: int = 0  # trials that failed, with the refusal that began the pause
    trying: bool = False
    trials: int = 0


class InMemory:
    """The states of one process. Times are in seconds of `clock`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is known of any host."""
        self._clock = clock
        self._states: dict[str, _State] = {}
        self._lock = threading.Lock()

    def take(self, host: str, pace: float) -> Turn | Closed:
        """As HostStates."""
        with self._lock:
            state = self._states.setdefault(host, _State())
            now = self._clock()
            if (closed := _closed(state, now)) is not None:
                return closed
            turn = max(now, state.next_turn)
            state.next_turn = turn + pace
            return Turn(turn - now) if turn > now else _begun(state)

    def begin(self, host: str) -> Turn | Closed:
        """As HostStates."""
        with self._lock:
            state = self._states[host]
            return _closed(state, self._clock()) or _begun(state)

    def forbidden(self, host: str) -> tuple[int, bool]:
        """As HostStates."""
        with self._lock:
            state = self._states[host]
            state.forbidden += 1
            return state.forbidden, state.refusals > 0

    def answered(self, host: str, trial: int | None) -> None:
        """As HostStates."""
        with self._lock:
            state = self._states[host]
            state.forbidden = 0
            # A visit that began before the pause does not show that the pause may end.
            if trial is not None and trial == state.trials:
                state.refusals, state.trying = 0, False

    def refused(self, host: str, trial: int | None, reason: str, pause: Pause) -> None:
        """As HostStates."""
        with self._lock:
            state = self._states[host]
            tried = trial is not None and trial == state.trials
            if tried:
                state.trying = False
            if tried or not state.refusals:
                state.refusals += 1
            seconds = min(pause.first * 2 ** (state.refusals - 1), pause.longest)
            state.closed_until = max(state.closed_until, self._clock() + max(seconds, pause.asked))
            state.reason = reason

    def silent(self, host: str, trial: int | None) -> None:
        """As HostStates."""
        with self._lock:
            state = self._states[host]
            if trial is not None and trial == state.trials:
                state.trying = False

    def delay(self, host: str, seconds: float) -> None:
        """As HostStates."""
        with self._lock:
            state = self._states.setdefault(host, _State())
            state.next_turn = max(state.next_turn, self._clock() + seconds)

    def paused(self) -> list[Paused]:
        """As HostStates."""
        with self._lock:
            now = self._clock()
            return [
                Paused(host, state.closed_until - now, state.reason)
                for host, state in sorted(self._states.items())
                if state.refusals and now < state.closed_until
            ]


def _closed(state: _State, now: float) -> Closed | None:
    if state.refusals and (now < state.closed_until or state.trying):
        return Closed(state.reason, max(state.closed_until - now, 0.0))
    return None


def _begun(state: _State) -> Turn:
    if not state.refusals:
        return Turn(0.0)
    state.trying = True
    state.trials += 1
    return Turn(0.0, state.trials)
