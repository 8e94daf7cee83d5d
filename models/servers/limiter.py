"""Decides how many requests one server may have at once: more while throughput rises, fewer when it is overloaded.

The limiter is a pure state machine: time (seconds of any monotonic clock) is passed in. A *round* is as many replies as
the limit was when the round began; by Little's law that is about one round trip while the limit is used. The rules:

- Slow start: every reply adds one place, so that the limit doubles in a round. It ends when a round's throughput is
  less than a tenth above the best one; the places that this round added are taken back.
- Then come trials: the limit grows by an eighth (at least 1). After one round to settle and one round to measure, it
  stays if throughput rose by a quarter of the added share. Otherwise it goes back, and the next trial waits twice as
  many rounds.
- Overload (429, 503, time-outs, lost connections): the limit is halved, at most once a round trip, when a fifth of the
  latest outcomes were overload. Then it grows by an eighth a round up to where it was, and trials begin again. Rarer
  faults change nothing: halving on each would hold the limit at about sqrt(1.5 / p) for a share p (Mathis et al., The
  macroscopic behavior of the TCP congestion avoidance algorithm, 1997), which is 5 for 5 %, whatever the server can do.
- A reply that came while places were free says nothing about the server: rounds with many such replies are ignored.
"""

from __future__ import annotations

import math
from typing import Literal

_RISES = 1.1  # a round of slow start must be this many times as fast as the best round before it
_WORTH = 0.25  # share of the added places that a trial must turn into throughput
# Shares of overload in the latest outcomes: above the first the limit is halved, below the second it may grow.
_OVERLOADED, _CALM = 0.2, 0.1
_LATEST = 32  # this many outcomes count as the latest, or as many as the limit if that is more
_SHORTEST = 0.05  # the least seconds of a round: a shorter round would measure only the clock
_IDLE = 0.1  # share of a round's replies that may have come while places were free
_LONGEST_WAIT = 64  # rounds between two trials

Phase = Literal["start", "climb", "hold", "settle", "measure"]


class Limiter:
    """The limit of one server."""

    def __init__(self, start: int, maximum: int) -> None:
        """The limit begins at `start`, never exceeds `maximum` and never falls below 1."""
        self._start, self._max = min(start, maximum), maximum
        self.restart(0.0)

    def restart(self, now: float) -> None:
        """Start again at `now`: the server is new, or was gone."""
        self._limit = float(self._start)
        self._phase: Phase = "start"
        self._trouble = 0.0
        self._cut = -math.inf
        self._ceiling = float(self._max)
        self._settled = self._limit
        self._rate = 0.0
        self._wait, self._waited = 1, 0
        self._begin(now)

    @property
    def limit(self) -> int:
        """How many requests the server may have at once: 1..maximum."""
        return max(1, int(self._limit))

    def reply(self, now: float, busy: bool) -> None:
        """Record a reply; `busy` says that all places were taken when it came."""
        self._trouble -= self._trouble / max(_LATEST, self.limit)
        if self._round is None:
            self._begin(now)
            return
        began, goal = self._round
        self._done += 1
        self._idle += not busy
        if self._phase == "start" and busy and self._trouble <= _CALM:
            self._limit = min(self._limit + 1, self._max)
        if self._done >= goal and now - began >= _SHORTEST:
            if self._idle <= _IDLE * self._done:
                self._learn(self._done / (now - began), goal)
            self._begin(now)

    def overload(self, now: float, sent: float) -> None:
        """Record that the server turned away or lost a request that was sent at `sent`."""
        if sent < self._cut:
            return  # it was sent before the latest cut, which already answered this overload
        self._trouble += (1 - self._trouble) / max(_LATEST, self.limit)
        if self._trouble < _OVERLOADED:
            return
        self._ceiling = self._limit
        self._limit = max(1.0, self._limit / 2)
        self._cut, self._trouble = now, 0.0
        self._phase = "climb"
        self._begin(now)

    def _begin(self, now: float) -> None:
        # The first round begins with the first reply: until then the clock measured no request.
        self._round: tuple[float, int] | None = (now, self.limit) if now > 0 else None
        self._done, self._idle = 0, 0

    def _learn(self, rate: float, goal: int) -> None:
        """Draw the conclusion from a full round that began with a limit of `goal` and had `rate` replies a second."""
        if self._phase == "start":
            if self._rate > 0 and rate < _RISES * self._rate:
                self._limit = float(goal)  # the places that this round added brought nothing
                self._settle(max(self._rate, rate))
            elif self._limit >= self._max:
                self._settle(rate)
            self._rate = max(self._rate, rate)
        elif self._phase == "climb":
            if self._trouble <= _CALM:
                self._limit = min(self._limit + self._step(), self._ceiling)
            if self._limit >= self._ceiling:
                self._settle(rate)
        elif self._phase == "hold":
            self._rate = 0.7 * self._rate + 0.3 * rate
            self._waited += 1
            if self._waited >= self._wait and self._limit < self._max and self._trouble <= _CALM:
                self._limit = min(self._settled + self._step(), self._max)
                self._phase = "settle"
        elif self._phase == "settle":
            self._phase = "measure"
        else:
            self._judge(rate)

    def _judge(self, rate: float) -> None:
        added = self._limit / self._settled - 1
        if rate >= self._rate * (1 + _WORTH * added):
            self._settle(rate)
        else:
            self._limit = self._settled
            self._phase, self._waited, self._wait = "hold", 0, min(2 * self._wait, _LONGEST_WAIT)

    def _settle(self, rate: float) -> None:
        self._settled, self._rate = self._limit, rate
        self._phase, self._waited, self._wait = "hold", 0, 1

    def _step(self) -> float:
        return float(max(1, int(self._limit) // 8))
