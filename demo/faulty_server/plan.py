"""What goes wrong at the fault-injecting server, when, and by what chance: all from a seed.

Whether a request meets a fault depends on (seed, hash of its body, how often that body came), so that the same requests
meet the same faults in whatever order they come, and a retry may succeed.
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
_EXCLUSIVE = 7  # the first so many end a request one way or another; a request meets at most one of them
_UNIT = 2.0**64


@dataclass(frozen=True)
class FaultPlan:
    """How the server behaves. Shares are of requests (0..1), times in seconds.

    `capacity` requests are worked on at once, `latency` each; more wait, or get 429 beyond `queue` that wait. A
    saturated server answers capacity / latency requests a second exactly: a slot that is late is not late again.
    `rate_limit`: 429 with Retry-After `retry_after`; `server_error`: 500; `drop_before`, `drop_inside`: the connection
    ends before or in the middle of the body; `slow`: the body trickles for `slow_seconds`; `truncate`: the text is cut
    in the middle; `whitespace`: JSON that goes on in newlines (both with finish_reason length); `shuffle`: up to so
    many seconds more, at random, beside the latency; `swap`: the reply to another recent picture; `repeat`: one fixed
    caption. Structured replies are neither swapped nor repeated. Raises ValueError when a number makes no sense.
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
        """Refuse what cannot be."""
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
        """What happens to a request: `body` is any digest of it, `attempt` counts its arrivals from 0."""
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
    """One request's fate: how it ends, whose caption it gets, how many seconds more it takes, and a number 0..1."""

    fault: Fault | None
    swap: bool
    repeat: bool
    delay: float
    choice: float


def even(total: float, kinds: Sequence[Fault] = FAULTS[:_EXCLUSIVE]) -> dict[str, float]:
    """Keyword arguments for FaultPlan that spread a share of faults evenly over kinds."""
    return {kind: total / len(kinds) for kind in kinds}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Offer every field of FaultPlan as an option."""
    for field in fields(FaultPlan):
        kind = int if field.name in ("seed", "capacity", "queue") else float
        option = f"--{field.name.replace('_', '-')}"
        parser.add_argument(option, type=kind, default=field.default, help=f"default {field.default}")


def plan_of(arguments: argparse.Namespace) -> FaultPlan:
    """The plan that a command line describes. Raises ValueError."""
    return FaultPlan(**{field.name: getattr(arguments, field.name) for field in fields(FaultPlan)})
