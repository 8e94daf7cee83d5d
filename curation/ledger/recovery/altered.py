"""Drops the rows of a ledger in PostgreSQL that are not what was stored. PostgreSQL itself guards its pages."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from curation.ledger import tables as t
from curation.ledger.claims import Claim
from curation.ledger.databases import open_ledger
from curation.ledger.part import checksum
from curation.ledger.recovery.found import NAMED, Repaired, counts
from curation.ledger.recovery.rows import CHECKED

_AT_ONCE = 500


def drop_altered(root: Path, schema: str, fence: Claim | None = None) -> Repaired:
    """Delete the rows that are not what was stored. Raises LedgerDamaged and ConfigError as `open_ledger`."""
    lost = []
    with closing(open_ledger(root, fence=fence)) as ledger:
        for table, (text, noted) in CHECKED.items():
            rows_of = t.metadata.tables[table]
            keys = list(rows_of.primary_key)
            with ledger.engine.connect() as connection:
                stream = connection.execution_options(yield_per=_AT_ONCE)
                read = stream.execute(sa.select(*keys, rows_of.c[text], rows_of.c[noted]))
                wrong = [tuple(row[:-2]) for row in read if row[-1] is not None and checksum(row[-2]) != row[-1]]
            with ledger.writing() as connection:
                for key in wrong:
                    same = (column == value for column, value in zip(keys, key, strict=True))
                    connection.execute(sa.delete(rows_of).where(*same))
                if wrong and table == t.verdicts.name:
                    connection.execute(sa.delete(t.cursors))
            if wrong:
                named = "; ".join(" ".join(map(str, key[:2])) for key in wrong[:NAMED])
                lost.append(f"{table} in {schema}: {len(wrong)} dropped, not what was stored ({named})")
        kept = counts(ledger)
    return Repaired(not lost, kept, {}, tuple(lost))
