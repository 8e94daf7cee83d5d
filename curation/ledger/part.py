"""The base of the ledger's parts: the open database, lists of parameters in chunks, and what was stored is compared."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa

from curation.ledger.claims import Claim, is_current
from schemas.errors import ClaimLost, LedgerDamaged

CHUNK = 500  # bound parameters a statement; SQLite's own limit is far above


class Part:
    """A share of the ledger's methods. `engine` is the open database, the same for all parts.

    `fence`: the claim under which this process writes; None where a lock of files keeps others out, or none is needed.
    """

    engine: sa.Engine
    fence: Claim | None

    @contextmanager
    def writing(self, *, may_idle: float | None = None) -> Iterator[sa.Connection]:
        """A transaction that writes; every one of the ledger is begun here.

        On a fenced ledger nobody can take the claim over before it ends, and the server ends it when it is idle for as
        long as the claim holds, or for `may_idle` seconds: for one that waits for something else meanwhile. Raises
        ClaimLost, and nothing is written, where the claim is no longer current or the server ended the transaction.
        """
        try:
            with self.engine.begin() as connection:
                if self.fence is not None:
                    if not is_current(connection, self.fence):
                        raise lost(self.engine, self.fence)
                    if may_idle is not None:
                        limit = sa.text(f"SET LOCAL idle_in_transaction_session_timeout = {round(may_idle * 1000)}")
                        connection.execute(limit)
                yield connection
        except sa.exc.InternalError as error:
            if self.fence is not None and type(error.orig).__name__ == "IdleInTransactionSessionTimeout":
                raise lost(self.engine, self.fence) from error
            raise


def chunks(items: Sequence[str]) -> Iterator[list[str]]:
    """The items in lists of at most CHUNK."""
    yield from (list(items[i : i + CHUNK]) for i in range(0, len(items), CHUNK))


def checksum(text: str) -> str:
    """The SHA-256 (64 hex digits) of a stored text, as it is noted beside the text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def as_stored(engine: sa.Engine, text: str, noted: str | None, what: str) -> str:
    """The text, if its checksum is the noted one; None notes nothing (an earlier version wrote the row).

    Raises LedgerDamaged, with `what` in the message: nothing that was altered is used or published.
    """
    if noted is not None and checksum(text) != noted:
        raise altered(engine, f"{what} is not what was stored: its checksum differs")
    return text


def altered(engine: sa.Engine, found: str) -> LedgerDamaged:
    """The error for a ledger in which something wrong was found, with the ledger's name and the way out."""
    name = ledger_name(engine)
    return LedgerDamaged(
        f"{name}: {found}. `v2xum repair WORKSPACE` keeps all that is right and says what was lost; the next "
        "`v2xum curate` makes that again"
    )


def lost(engine: sa.Engine, claim: Claim) -> ClaimLost:
    """The error for a claim that is no longer current."""
    return ClaimLost(
        f"{ledger_name(engine)}: this process's claim `{claim.key}` ended, because it was not renewed for "
        f"{claim.seconds:g} s, or another process took it over. Nothing was lost: what was committed stays, and what "
        "this process had not committed is made again, by the new owner or by the same command"
    )


def ledger_name(engine: sa.Engine) -> str:
    """The ledger's file, or its schema in PostgreSQL. No password is in it."""
    if engine.dialect.name == "sqlite":
        return str(engine.url.database)
    schema = (engine.get_execution_options().get("schema_translate_map") or {}).get(None)
    return f"the ledger {schema} in PostgreSQL"
