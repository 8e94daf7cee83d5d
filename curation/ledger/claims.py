"""Claims: on a ledger in PostgreSQL that several processes share, who may work on what, and until when.

A claim is a row: a key, its owner, a number (the fence) that grows with each owner, and a time by the database's clock.
A process that renews its claim in time keeps it. After that time anybody may take the key over, with the next fence.

Every transaction of a process that works under a claim locks the row, with its own fence, `FOR KEY SHARE`. So a new
owner, who changes the fence, waits until a commit that has begun is done, and a late transaction finds that its fence
is gone. A renewal changes no column of a unique index: it waits for nobody, and nobody waits for it.

No clock of a machine is ever asked. docs/decisions/0069-claims.md says why it is made so.
"""

from __future__ import annotations

import os
import secrets
import socket
from typing import NamedTuple

import sqlalchemy as sa

from curation.ledger import tables as t

RUN = "run"  # the key of what one process at a time does for the whole ledger
SECONDS = 30.0  # how long a claim holds without a renewal


class Claim(NamedTuple):
    """A claim that was granted. It may be sent to another process, which then works under it.

    `seconds`: how long it holds without a renewal. `under`: the claim without which it is worth nothing.
    """

    key: str
    owner: str
    fence: int
    seconds: float = SECONDS
    under: Claim | None = None


class Held(NamedTuple):
    """A row of the claims: `seconds` until it ends, below 0 once it has ended, None where it was released."""

    key: str
    owner: str
    fence: int
    seconds: float | None
    under: str | None

    @property
    def current(self) -> bool:
        """Whether it still holds."""
        return self.seconds is not None and self.seconds > 0


def shard_key(run: Claim, number: int) -> str:
    """The key of a shard of a run; another run has other keys."""
    return f"shard:{run.fence}:{number}"


def new_owner() -> str:
    """A name for an owner: this host, this process, and a part that no other owner has."""
    return f"{socket.gethostname()}/{os.getpid()}/{secrets.token_hex(4)}"


def described(owner: str) -> str:
    """An owner as a message names it."""
    host, _, rest = owner.rpartition("/")[0].rpartition("/")
    return f"process {rest} on {host}" if host else owner


def is_gone(owner: str) -> bool:
    """Whether the owner was a process of this host that has ended. False where that cannot be told."""
    host, _, number = owner.rpartition("/")[0].rpartition("/")
    if host != socket.gethostname() or not number.isdecimal():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def is_current(connection: sa.Connection, claim: Claim) -> bool:
    """Whether a claim, and the one it is under, are current; from now to the transaction's end nobody takes them."""
    under = claim.under
    if under is None:
        found = connection.execute(_ONE, {"key": claim.key, "fence": claim.fence}).all()
        return len(found) == 1
    named = {"key": claim.key, "fence": claim.fence, "parent": under.key, "parent_fence": under.fence}
    return len(connection.execute(_BOTH, named).all()) == 2


c = t.claims.c
CLOCK = sa.func.clock_timestamp(type_=sa.DateTime(timezone=True))
_LEFT = sa.extract("epoch", c.expires_at - CLOCK)
_OWN = sa.and_(c.key == sa.bindparam("key"), c.fence == sa.bindparam("fence"))
_PARENT = sa.and_(c.key == sa.bindparam("parent"), c.fence == sa.bindparam("parent_fence"))
_ONE = sa.select(c.key).where(_OWN, c.expires_at > CLOCK).with_for_update(read=True, key_share=True)
# The parent first: who takes a parent over locks in this order too, so that the two never wait for each other.
_BOTH = (
    sa.select(c.key)
    .where(sa.or_(_OWN, _PARENT), c.expires_at > CLOCK)
    .order_by(c.key == sa.bindparam("key"))
    .with_for_update(read=True, key_share=True)
)
LISTED = sa.select(c.key, c.owner, c.fence, sa.cast(_LEFT, sa.Float), c.parent_key).order_by(c.key)
