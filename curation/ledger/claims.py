"""Claims: on a ledger in PostgreSQL that several processes share, who may work on what, and until when.

A claim is a row: a key, its owner, a number (the fence) that grows with each owner, and a time by the database's clock.
A process that renews its claim in time keeps it. After that time anybody may take the key over, with the next fence.

Every transaction of a process that works under a claim locks the row, with its own fence, `FOR KEY SHARE`. So a new
owner, who changes the fence, waits until a commit that has begun is done, and a late transaction finds that its fence
is gone. A renewal changes no column of a unique index: it waits for nobody, and nobody waits for it. The owner's name
is compared as well: a database that was put back from a dump gives fences a second time, and names never.

No clock of a machine is ever asked. docs/decisions/0069-claims.md says why it is made so.
"""

from __future__ import annotations

import functools
import hashlib
import os
import secrets
import socket
from pathlib import Path
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
    """A name for an owner: this host, this process, where its number counts, and a part that no other owner has."""
    return f"{socket.gethostname()}/{os.getpid()}/{_numbering()}/{secrets.token_hex(4)}"


def host_of(owner: str) -> str:
    """The host of an owner; all of the name where it is none of `new_owner`."""
    parts = owner.split("/")
    return parts[0] if len(parts) == 4 else owner


def process_of(owner: str) -> int | None:
    """The number of an owner's process on its host; None where the name has none."""
    parts = owner.split("/")
    return int(parts[1]) if len(parts) == 4 and parts[1].isdecimal() else None


def described(owner: str) -> str:
    """An owner as a message names it."""
    process = process_of(owner)
    return owner if process is None else f"process {process} on {host_of(owner)}"


def is_gone(owner: str) -> bool:
    """Whether the owner was a process of this machine that has ended. False where that cannot be told."""
    parts = owner.split("/")
    process = process_of(owner)
    if process is None or not parts[2] or parts[2] != _numbering():
        return False
    try:
        os.kill(process, 0)
        state = (
            Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
        )
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return state in "ZX"  # it has ended, and its parent has not asked how


def _numbering() -> str:
    """What the processes have in common whose ids are of one numbering; empty where that cannot be told.

    Containers may have the same host name, and each has its own process 1.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        return hashlib.sha256(f"{boot}{Path('/proc/self/ns/pid').readlink()}".encode()).hexdigest()[:12]
    except OSError:
        return ""


def is_current(connection: sa.Connection, claim: Claim) -> bool:
    """Whether a claim, and the one it is under, are current; from now to the transaction's end nobody takes them."""
    asked: dict[str, str | int] = {"key": claim.key, "fence": claim.fence, "owner": claim.owner}
    if (under := claim.under) is not None:
        asked |= {"parent": under.key, "parent_fence": under.fence, "parent_owner": under.owner}
    schema = (connection.get_execution_options().get("schema_translate_map") or {}).get(None)
    statement = _holding(connection.dialect, schema, alone=under is None)
    return connection.exec_driver_sql(statement, asked).rowcount == (1 if under is None else 2)


@functools.lru_cache(maxsize=32)
def _holding(dialect: sa.Dialect, schema: str | None, *, alone: bool) -> str:
    """The statement before every other one of a fenced ledger, as text: SQLAlchemy renders a schema's name each time.

    The parent's row is locked first. Who takes a parent over locks in this order too, so that no two wait for each
    other.
    """
    statement = (_ONE if alone else _BOTH).compile(
        dialect=dialect, schema_translate_map={None: schema}, render_schema_translate=True
    )
    return str(statement)


c = t.claims.c
CLOCK = sa.func.clock_timestamp(type_=sa.DateTime(timezone=True))
_LEFT = sa.extract("epoch", c.expires_at - CLOCK)
_OWN = sa.and_(c.key == sa.bindparam("key"), c.fence == sa.bindparam("fence"), c.owner == sa.bindparam("owner"))
_PARENT = sa.and_(
    c.key == sa.bindparam("parent"),
    c.fence == sa.bindparam("parent_fence"),
    c.owner == sa.bindparam("parent_owner"),
)
_ONE = sa.select(c.key).where(_OWN, c.expires_at > CLOCK).with_for_update(read=True, key_share=True)
_BOTH = (
    sa.select(c.key)
    .where(sa.or_(_OWN, _PARENT), c.expires_at > CLOCK)
    .order_by(c.key == sa.bindparam("key"))
    .with_for_update(read=True, key_share=True)
)
LISTED = sa.select(c.key, c.owner, c.fence, sa.cast(_LEFT, sa.Float), c.parent_key).order_by(c.key)
