"""Claims: which process works on what, on a ledger that several machines share."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "claims",
        sa.Column("key", sa.String(128), primary_key=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True)),
        sa.Column("parent_key", sa.String(128)),
        sa.Column("parent_fence", sa.BigInteger()),
    )
    op.create_index("claims_fence", "claims", ["key", "fence"], unique=True)
