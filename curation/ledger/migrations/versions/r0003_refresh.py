"""Answers about published videos that were looked for again, opt-outs, and the videos that they concern."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "rechecks",
        sa.Column("video_id", sa.String(128), primary_key=True),
        sa.Column("content", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(64)),
        sa.Column("detail", sa.Text()),
        sa.Column("checked_at", sa.Float(), nullable=False),
        sa.Column("first_at", sa.Float()),
        sa.Column("gone_at", sa.Float()),
    )
    op.create_table(
        "opt_outs",
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("sha256", sa.String(64), primary_key=True),
        sa.Column("name", sa.Text()),
        sa.Column("noted_at", sa.Float(), nullable=False),
    )
    op.create_table(
        "opted_out",
        sa.Column("video_id", sa.String(128), primary_key=True),
        sa.Column("noted_at", sa.Float(), nullable=False),
    )
