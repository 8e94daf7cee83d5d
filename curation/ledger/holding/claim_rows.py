"""Takes claims, renews them, gives them back, and lists them. They exist on PostgreSQL only."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from curation.ledger import tables as t
from curation.ledger.claims import CLOCK, LISTED, SECONDS, Claim, Held, is_current
from curation.ledger.part import Part, ledger_name, lost
from schemas.errors import ConfigError


class ClaimRows(Part):
    """The methods of a ledger about claims. They need no fence: each compares the fence that it is about."""

    def claim(self, key: str, owner: str, seconds: float = SECONDS, under: Claim | None = None) -> Claim | None:
        """Take a key for so many seconds; None while another owner's claim on it is current.

        Transactions that an earlier owner has begun are waited for. The claims that were under an earlier claim of
        this key are removed. Raises ClaimLost when `under` is no longer current, and ConfigError on SQLite.
        """
        self._require_postgresql()
        values = {"k": key, "o": owner, "seconds": seconds}
        parent = {"p": under.key, "pf": under.fence} if under is not None else {"p": None, "pf": None}
        with self.engine.begin() as connection:
            if under is not None and not is_current(connection, under):
                raise lost(self.engine, under)
            new = t.inserting(t.claims, self.engine.dialect).values(key=key, owner=owner, fence=0)
            connection.execute(new.on_conflict_do_nothing())
            fence = connection.execute(_TAKE, {**values, **parent}).scalar()
            if fence is None:
                return None
            connection.execute(_FORGET, {"k": key})
        return Claim(key, owner, fence, seconds, under)

    def renew(self, claim: Claim, seconds: float | None = None) -> bool:
        """Let a claim hold for its seconds from now on; False where it has ended or another one has the key."""
        named = {**_named(claim), "seconds": claim.seconds if seconds is None else seconds}
        with self.engine.begin() as connection:
            return connection.execute(_RENEW, named).rowcount == 1

    def release(self, claim: Claim) -> None:
        """Give a claim back, so that others need not wait for its end. Nothing happens where it was lost."""
        with self.engine.begin() as connection:
            connection.execute(_RELEASE, _named(claim))

    def revoke_under(self, claim: Claim) -> None:
        """End all claims under this one: who works under one of them writes nothing more.

        Transactions that one of their owners has begun are waited for. Raises ClaimLost when this claim is no longer
        current: then they are another owner's.
        """
        with self.engine.begin() as connection:
            if not is_current(connection, claim):
                raise lost(self.engine, claim)
            connection.execute(_REVOKE, {"k": claim.key, "f": claim.fence})

    def claims(self) -> list[Held]:
        """All claims by key: current ones, ended ones, and released ones. Empty on SQLite."""
        if self.engine.dialect.name != "postgresql":
            return []
        with self.engine.connect() as connection:
            return [Held(*row) for row in connection.execute(LISTED)]

    def held(self, key: str) -> Held | None:
        """The claim on a key; None where nobody ever took it."""
        if self.engine.dialect.name != "postgresql":
            return None
        with self.engine.connect() as connection:
            row = connection.execute(LISTED.where(_c.key == key)).first()
        return Held(*row) if row is not None else None

    def _require_postgresql(self) -> None:
        if self.engine.dialect.name != "postgresql":
            raise ConfigError(
                f"{ledger_name(self.engine)}: one process at a time works on a ledger in a file; several need "
                "PostgreSQL: set V2XUM_LEDGER for a new workspace"
            )


def _named(claim: Claim) -> dict[str, Any]:
    return {"k": claim.key, "f": claim.fence, "o": claim.owner}


_c = t.claims.c
_ends = CLOCK + sa.bindparam("seconds", type_=sa.Float) * sa.literal_column("interval '1 second'", sa.Interval)
_own = sa.and_(_c.key == sa.bindparam("k"), _c.fence == sa.bindparam("f"), _c.owner == sa.bindparam("o"))
_TAKE = (
    sa.update(t.claims)
    .where(_c.key == sa.bindparam("k"), sa.or_(_c.expires_at.is_(None), _c.expires_at <= CLOCK))
    .values(
        owner=sa.bindparam("o"),
        fence=_c.fence + 1,
        expires_at=_ends,
        parent_key=sa.bindparam("p"),
        parent_fence=sa.bindparam("pf"),
    )
    .returning(_c.fence)
)
_RENEW = sa.update(t.claims).where(_own, _c.expires_at > CLOCK).values(expires_at=_ends)
_RELEASE = sa.update(t.claims).where(_own).values(expires_at=None)
_FORGET = sa.delete(t.claims).where(_c.parent_key == sa.bindparam("k"))
# Rows stay, so that no fence is used again; another fence waits for the transactions of the owner before.
_REVOKE = (
    sa.update(t.claims)
    .where(_c.parent_key == sa.bindparam("k"), _c.parent_fence == sa.bindparam("f"))
    .values(expires_at=None, fence=_c.fence + 1)
)
