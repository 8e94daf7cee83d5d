"""What the tests of claims share: a ledger's schema, the same ledger under a claim, and a claim that ends now."""

from __future__ import annotations

import sqlalchemy as sa

from curation.ledger import tables as t
from curation.ledger.claims import Claim
from curation.ledger.ledger import Ledger


def schema_of(ledger: Ledger) -> str:
    """The name of a ledger's schema in PostgreSQL."""
    return str(ledger.engine.get_execution_options()["schema_translate_map"][None])


def fenced(ledger: Ledger, claim: Claim) -> Ledger:
    """The same ledger, opened for a process that works under a claim."""
    return Ledger(ledger.engine.url, schema_of(ledger), claim)


def end(ledger: Ledger, key: str) -> None:
    """Let a claim end now, as if nobody had renewed it."""
    past = sa.func.clock_timestamp() - sa.literal_column("interval '1 second'")
    chosen = sa.and_(t.claims.c.key == key, t.claims.c.expires_at.is_not(None))
    with ledger.engine.begin() as connection:
        connection.execute(sa.update(t.claims).where(chosen).values(expires_at=past))


def empty(ledger: Ledger) -> None:
    """Forget all claims."""
    with ledger.engine.begin() as connection:
        connection.execute(sa.delete(t.claims))
