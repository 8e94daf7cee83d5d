"""The plan of the faulty server: which faults happen, and with which probability, all from a seed.

Whether a request meets a fault depends on the seed, the hash of its body and how often that body came. So the same
requests meet the same faults in every order of arrival, and a retry may succeed.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Literal, NamedTuple, get_args

Fault = Literal[
    "rate_limit", "server_error", "drop_before", "drop_inside", "slow", "truncate", "whitespace", "swap", "repeat"
]
FAULTS: tuple[Fault, ...] = get_args(Fault)
_EXCLUSIVE = 7  # the first 7 faults decide how a request ends; a request meets at most one of them
_UNIT = 2.0**64


@dataclass(frozen=True)
class FaultPlan:
    """How the server behaves. Shares are of requests (0..1), times in seconds.

    `capacity` requests are worked on at once, each for `latency`. Other requests wait; when `queue` requests wait
    already, the next one gets 429. A server that is always busy answers exactly capacity / latency requests a second:
    see Slots. The faults:

    - `rate_limit`: 429 with Retry-After `retry_after`; `server_error`: 500.
    - `drop_before`, `drop_inside`: the connection ends before the body, or in its middle.
    - `slow`: the body comes in pieces over `slow_seconds`.
    - `truncate`: the text is cut in its middle; `whitespace`: JSON goes on in newlines; both end with `length`.
    - `swap`: the reply to another recent picture; `repeat`: one fixed caption. Structured replies meet neither.

    `shuffle` is not a fault: every reply takes up to so many seconds more, at random. Raises ValueError for shares
    outside 0..1 and other numbers that make no sense.
    """

    seed: int = 0
    capacity: int = 64
    latency: float = 0.0
    queue: int | None = None
    rate_limit: float = 0.0
    server_error: float = 0.0
    drop_before: float = 0.0
    drop_inside: float = 0.0
    slow: float = 0.0
    truncate: float = 0.0
    whitespace: float = 0.0
    swap: float = 0.0
    repeat: float = 0.0
    shuffle: float = 0.0
    retry_after: float = 1.0
    slow_seconds: float = 2.0

    def __post_init__(self) -> None:
        """Check the numbers."""
        shares = {name: getattr(self, name) for name in FAULTS}
        for name, share in shares.items():
            if not 0 <= share <= 1:
                raise ValueError(f"{name}: a share between 0 and 1, not {share}")
        if sum(shares[name] for name in FAULTS[:_EXCLUSIVE]) > 1 + 1e-9:
            raise ValueError(f"the shares of {', '.join(FAULTS[:_EXCLUSIVE])} must not sum to more than 1")
        if self.capacity < 1 or (self.queue is not None and self.queue < 0):
            raise ValueError("capacity must be at least 1 and queue at least 0")
        if min(self.latency, self.shuffle, self.retry_after, self.slow_seconds) < 0:
            raise ValueError("latency, shuffle, retry_after and slow_seconds must not be negative")

    def draw(self, body: bytes, attempt: int) -> Draw:
        """Draw what happens to a request: `body` is a digest of it, `attempt` counts its arrivals from 0."""
        digest = hashlib.blake2b(body, digest_size=40, key=f"{self.seed} {attempt}".encode()).digest()
        ending, swap, repeat, delay, choice = (
            int.from_bytes(digest[i : i + 8], "big") / _UNIT for i in range(0, 40, 8)
        )
        fault: Fault | None = None
        for name in FAULTS[:_EXCLUSIVE]:
            ending -= getattr(self, name)
            if ending < 0:
                fault = name
                break
        return Draw(fault, swap < self.swap, repeat < self.repeat, delay * self.shuffle, choice)


class Draw(NamedTuple):
    """What happens to a request.

    `fault` is how it ends, `swap` and `repeat` whether it gets another caption, `delay` the added seconds, `choice` a
    number 0..1 that selects the other caption.
    """

    fault: Fault | None
    swap: bool
    repeat: bool
    delay: float
    choice: float


def even(total: float, kinds: Sequence[Fault] = FAULTS[:_EXCLUSIVE]) -> dict[str, float]:
    """Keyword arguments for FaultPlan that divide the share `total` evenly among kinds of faults."""
    return {kind: total / len(kinds) for kind in kinds}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add every field of FaultPlan as an option."""
    for field in fields(FaultPlan):
        kind = int if field.name in ("seed", "capacity", "queue") else float
        option = f"--{field.name.replace('_', '-')}"
        parser.add_argument(option, type=kind, default=field.default, help=f"default {field.default}")


def plan_of(arguments: argparse.Namespace) -> FaultPlan:
    """The plan that a command line describes. Raises ValueError."""
    return FaultPlan(**{field.name: getattr(arguments, field.name) for field in fields(FaultPlan)})
