"""The pace of downloads from each host, and pauses for hosts that refuse; shared by all download threads.

A host that refuses all requests (bot check, rate limit, repeated 403) is not asked for a while, because more requests
make it worse. After the pause one download may try. When it succeeds, the pause ends; when it fails, the next pause is
twice as long.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from schemas.configuration.config import DownloadConfig
from schemas.errors import HostBlocked, StageError, TransientError

FORBIDDEN_LIMIT = 3
PAUSE = 900.0
LONGEST_PAUSE = 14_400.0
_random = random.SystemRandom()


def retry_pause(config: DownloadConfig, retries: int) -> float:
    """Seconds to wait before a retry when `retries` were made already.

    It is the configured backoff, doubled with every retry, times a random factor from 0.5 to 1: downloads that failed
    together do not all come back at once.
    """
    return float(config.backoff * 2**retries * _random.uniform(0.5, 1.0))


@dataclass
class _State:
    next_turn: float = 0.0
    closed_until: float = 0.0
    reason: str = ""
    forbidden: int = 0
    openings: int = 0
    probing: bool = False


class Hosts:
    """The pace and the pauses of all hosts. Threads may share it. Times are in seconds of `clock`."""

    def __init__(
        self,
        config: DownloadConfig,
        *,
        pause: float = PAUSE,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Take the pace from the configuration; `pause` is the length of a host's first pause in seconds."""
        self._pace = config.pace
        self._pause = pause
        self._clock = clock
        self._sleep = sleep
        self._states: dict[str, _State] = {}
        self._lock = threading.Lock()

    @contextmanager
    def visit(self, host: str) -> Iterator[None]:
        """One download from a host: wait for its turn, and note how the `with` block ends.

        Raises HostBlocked `host_paused` at once, without a request, during a pause of the host. A HostBlocked that is
        raised in the block begins a pause. The third `forbidden` in a row does so too, and is raised as HostBlocked.
        """
        probe = self._enter(host)
        outcome: StageError | None = None
        learn = False
        try:
            yield
            learn = True
        except StageError as error:
            learn = True
            outcome = self._outcome(host, error)
            if outcome is error:
                raise
            raise outcome from error
        finally:
            self._leave(host, probe, outcome if learn else TransientError("interrupted"))

    def delay(self, host: str, seconds: float) -> None:
        """Give no download from the host a turn for `seconds`, as the host asked (Retry-After)."""
        with self._lock:
            state = self._states.setdefault(host, _State())
            state.next_turn = max(state.next_turn, self._clock() + seconds)

    def paused(self) -> Mapping[str, float]:
        """The hosts that are paused, with the seconds that are left of each pause."""
        with self._lock:
            now = self._clock()
            return {
                host: state.closed_until - now
                for host, state in sorted(self._states.items())
                if state.openings and now < state.closed_until
            }

    def _enter(self, host: str) -> bool:
        """Wait for a turn; True when this visit is the one that tries the host again after a pause."""
        with self._lock:
            state = self._states.setdefault(host, _State())
            now = self._clock()
            self._refuse_while_paused(host, state, now)
            turn = max(now, state.next_turn)
            state.next_turn = turn + self._pace
        if turn > now:
            self._sleep(turn - now)
        with self._lock:
            self._refuse_while_paused(host, state, self._clock())
            state.probing = state.openings > 0
            return state.probing

    def _refuse_while_paused(self, host: str, state: _State, now: float) -> None:
        if state.openings and (now < state.closed_until or state.probing):
            evidence = f"{host} refused downloads before ({state.reason}) and is not asked again yet"
            raise HostBlocked("host_paused", evidence, host, max(state.closed_until - now, 0.0))

    def _outcome(self, host: str, error: StageError) -> StageError:
        """The error that a visit ends with: the third `forbidden` in a row counts as a refusal by the whole host."""
        if isinstance(error, HostBlocked):
            return HostBlocked(error.reason, error.evidence, host, error.seconds)
        if error.reason == "forbidden":
            with self._lock:
                state = self._states[host]
                state.forbidden += 1
                if state.forbidden >= FORBIDDEN_LIMIT or state.openings:
                    return HostBlocked("forbidden", f"{state.forbidden} times in a row: {error.evidence}", host)
        return error

    def _leave(self, host: str, probe: bool, outcome: StageError | None) -> None:
        with self._lock:
            state = self._states[host]
            if probe:
                state.probing = False
            if isinstance(outcome, HostBlocked):
                now = self._clock()
                if probe or not state.openings:
                    state.openings += 1
                pause = min(self._pause * 2 ** (state.openings - 1), LONGEST_PAUSE)
                state.closed_until = max(state.closed_until, now + max(pause, outcome.seconds))
                state.reason = outcome.reason
            elif not isinstance(outcome, TransientError):
                # The host answered. But a visit that began before the pause does not show that the pause may end.
                state.forbidden = 0
                if probe:
                    state.openings = 0
