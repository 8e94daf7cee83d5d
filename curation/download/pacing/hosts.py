"""The pace of downloads from each host, and pauses for hosts that refuse; shared by all that download.

A host that refuses all requests (bot check, rate limit, repeated 403) is not asked for a while, because more requests
make it worse. After the pause one download may try. When it succeeds, the pause ends; when it fails, the next pause is
twice as long.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from curation.download.pacing.states import Closed, HostStates, InMemory, Pause, Paused, Turn
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


class Hosts:
    """The pace and the pauses of all hosts. Threads may share it."""

    def __init__(
        self,
        config: DownloadConfig,
        states: HostStates | None = None,
        *,
        pause: float = PAUSE,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Take the pace from the configuration; `pause` is the length of a host's first pause in seconds.

        `states` keeps what is known of the hosts; without it this process alone knows it.
        """
        self._pace = config.pace
        self._pause = pause
        self._sleep = sleep
        self._states = states if states is not None else InMemory()

    @contextmanager
    def visit(self, host: str) -> Iterator[None]:
        """One download from a host: wait for its turn, and note how the `with` block ends.

        Raises HostBlocked `host_paused` at once, without a request, during a pause of the host. A HostBlocked that is
        raised in the block begins a pause. The third `forbidden` in a row does so too, and is raised as HostBlocked.
        """
        trial = self._enter(host)
        outcome: StageError | None = None
        learn = False
        try:
            yield
            learn = True
        except StageError as error:
            outcome = self._outcome(host, error)
            learn = True  # not where the states could not be asked: nothing is known of the host then
            if outcome is error:
                raise
            raise outcome from error
        finally:
            self._leave(host, trial, outcome if learn else TransientError("interrupted"))

    def delay(self, host: str, seconds: float) -> None:
        """Give no download from the host a turn for `seconds`, as the host asked (Retry-After)."""
        self._states.delay(host, seconds)

    def paused(self) -> list[Paused]:
        """The hosts that are paused, by name."""
        return self._states.paused()

    def _enter(self, host: str) -> int | None:
        """Wait for a turn; the number of the trial when this visit tries the host again after a pause."""
        turn = _given(host, self._states.take(host, self._pace))
        if turn.wait > 0:
            self._sleep(turn.wait)
            turn = _given(host, self._states.begin(host))
        return turn.trial

    def _outcome(self, host: str, error: StageError) -> StageError:
        """The error that a visit ends with: the third `forbidden` in a row counts as a refusal by the whole host."""
        if isinstance(error, HostBlocked):
            return HostBlocked(error.reason, error.evidence, host, error.seconds)
        if error.reason == "forbidden":
            count, has_refused = self._states.forbidden(host)
            if count >= FORBIDDEN_LIMIT or has_refused:
                return HostBlocked("forbidden", f"{count} times in a row: {error.evidence}", host)
        return error

    def _leave(self, host: str, trial: int | None, outcome: StageError | None) -> None:
        if isinstance(outcome, HostBlocked):
            pause = Pause(self._pause, LONGEST_PAUSE, outcome.seconds)
            self._states.refused(host, trial, outcome.reason, pause)
        elif isinstance(outcome, TransientError):
            self._states.silent(host, trial)
        else:
            self._states.answered(host, trial)


def _given(host: str, turn: Turn | Closed) -> Turn:
    """The turn. Raises HostBlocked where there is none."""
    if isinstance(turn, Closed):
        evidence = f"{host} refused downloads before ({turn.reason}) and is not asked again yet"
        raise HostBlocked("host_paused", evidence, host, turn.seconds)
    return turn
