"""Checksums of list rows, replies and verdicts; the ledger gets a name of its own and counts its changes."""

from __future__ import annotations

import hashlib
import json
import secrets

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_TEXTS = {"sources": ("position", "payload"), "replies": ("key", "text"), "verdicts": ("position", "payload")}
_AT_ONCE = 500


def upgrade() -> None:
    """Add the columns and fill them from what the rows hold now."""
    for table, (key, text) in _TEXTS.items():
        op.add_column(table, sa.Column("checksum", sa.String(64), nullable=True))
        _fill(op.get_bind(), table, key, text)
    properties = sa.table("properties", sa.column("name", sa.Text), sa.column("value", sa.Text))
    named = [{"name": "identity", "value": secrets.token_hex(16)}, {"name": "generation", "value": "1"}]
    op.bulk_insert(properties, named)


def _fill(connection: sa.Connection, table: str, key: str, text: str) -> None:
    rows = sa.table(table, sa.column(key), sa.column(text), sa.column("checksum"))
    column = rows.c[key]
    query = sa.select(column, rows.c[text]).order_by(column).limit(_AT_ONCE)
    update = sa.update(rows).where(column == sa.bindparam("k")).values(checksum=sa.bindparam("c"))
    # In PostgreSQL a reply is a JSON string, because it may hold characters that PostgreSQL refuses.
    quoted = table == "replies" and connection.dialect.name == "postgresql"
    found = connection.execute(query).all()
    while found:
        texts = [json.loads(row[1]) if quoted else row[1] for row in found]
        sums = [hashlib.sha256(each.encode("utf-8", "surrogatepass")).hexdigest() for each in texts]
        connection.execute(update, [{"k": row[0], "c": each} for row, each in zip(found, sums, strict=True)])
        found = connection.execute(query.where(column > found[-1][0])).all()
