"""The base of the ledger's parts: the open database, and lists of parameters in chunks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import sqlalchemy as sa

CHUNK = 500  # bound parameters a statement; SQLite's own limit is far above


class Part:
    """A share of the ledger's methods. `engine` is the open database, the same for all parts."""

    engine: sa.Engine


def chunks(items: Sequence[str]) -> Iterator[list[str]]:
    """The items in lists of at most CHUNK."""
    yield from (list(items[i : i + CHUNK]) for i in range(0, len(items), CHUNK))
