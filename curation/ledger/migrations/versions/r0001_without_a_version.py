"""The tables of ledgers that noted no version yet. Such a ledger may lack those that came last: they are made."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

metadata = sa.MetaData()


def _text(name: str, size: int | None = None, *, null: bool = False, key: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text() if size is None else sa.String(size), nullable=null, primary_key=key)


def _number(name: str, kind: type[sa.types.TypeEngine[Any]]) -> sa.Column[float]:
    return sa.Column(name, kind, nullable=False)


sa.Table(
    "sources",
    metadata,
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(128), nullable=False, unique=True),
    _text("digest", 64),
    _text("payload"),
)
sa.Table(
    "results",
    metadata,
    _text("video_id", 128, key=True),
    _text("stage", 32, key=True),
    _text("fingerprint", 64, key=True),
    sa.Column("current", sa.Boolean, nullable=False),
    _text("status", 16),
    _text("payload"),
    _text("digest", 64),
    _text("content", 64, null=True),
    _text("error_class", 16, null=True),
    _text("reason", null=True),
    _number("attempts", sa.Integer),
    _number("tokens_in", sa.BigInteger),
    _number("tokens_out", sa.BigInteger),
    _number("requests", sa.Integer),
    _number("seconds", sa.Float),
    _number("made_at", sa.Float),
    sa.Index("results_current", "video_id", "current"),
    sa.Index("results_content", "content"),
)
sa.Table("duplicates", metadata, _text("video_id", 128, key=True), _text("of_id", 128), _text("sha256", 64))
sa.Table(
    "replies",
    metadata,
    _text("key", 64, key=True),
    _text("text"),
    _text("finish", 8),
    _number("tokens_in", sa.BigInteger),
    _number("tokens_out", sa.BigInteger),
    _text("model"),
    _number("made_at", sa.Float),
)
sa.Table("canaries", metadata, _text("video_id", 128, key=True), _text("outcomes"), _number("made_at", sa.Float))
sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    _number("started_at", sa.Float),
    sa.Column("ended_at", sa.Float),
    _text("outcome", 32),
    _text("counts"),
)
sa.Table(
    "verdicts",
    metadata,
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("key", sa.String(64), nullable=False, unique=True),
    _text("sample_id", 128),
    _text("decision", 16, null=True),
    _text("payload"),
    _number("stored_at", sa.Float),
    sa.Index("verdicts_sample", "sample_id"),
)
sa.Table(
    "review_pushed",
    metadata,
    _text("project", 200, key=True),
    _text("sample_id", 128, key=True),
    _text("content_sha256", 64),
    _number("task_id", sa.BigInteger),
    _text("stratum", 16),
    _number("pushed_at", sa.Float),
)
sa.Table("review_cursors", metadata, _text("project", 200, key=True), _text("value"))
sa.Table("properties", metadata, _text("name", 64, key=True), _text("value"))
sa.Table("model_identities", metadata, _text("models", 64, key=True), _text("payload"), _number("noted_at", sa.Float))


def upgrade() -> None:
    """Make the tables that are not there."""
    metadata.create_all(op.get_bind(), checkfirst=True)
