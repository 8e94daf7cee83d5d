"""The ledger's tables, on SQLite and on PostgreSQL.

A change here needs a step in migrations/versions and a new HEAD in schema.py; a test compares the two. Text
that comes from outside has the type `AnyText`, which stores every character on both databases.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, cast

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

metadata = sa.MetaData()

_PACKED = b"\x00z"  # no text begins so
_LEAST_PACKED = 512  # characters; shorter text hardly shrinks
_MOST_UNPACKED = 1 << 28  # bytes; a record of a day's video has a tenth


class AnyText(sa.TypeDecorator[str]):
    """Text with any character. PostgreSQL refuses NUL characters, so there the text is stored as a JSON string."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """To the database."""
        return json.dumps(value) if value is not None and dialect.name == "postgresql" else value

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """From the database."""
        return str(json.loads(value)) if value is not None and dialect.name == "postgresql" else value


class PackedText(sa.TypeDecorator[str]):
    """Long text that SQLite keeps compressed, as a BLOB in a column of text; PostgreSQL compresses by itself (TOAST).

    Text that an earlier version wrote is read as it is. What is damaged reads as no text, which no checksum fits.
    """

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: sa.Dialect) -> str | None:
        """To the database. SQLite takes bytes in any column."""
        return cast("str", packed(value)) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: str | bytes | None, dialect: sa.Dialect) -> str | None:
        """From the database."""
        return unpacked(value) if isinstance(value, bytes) else value


def packed(text: str) -> str | bytes:
    """The text as SQLite keeps it: compressed from 512 characters on."""
    if len(text) < _LEAST_PACKED:
        return text
    return _PACKED + zlib.compress(text.encode("utf-8", "surrogatepass"), 3)


def unpacked(data: bytes) -> str:
    """The text that was packed; empty where the bytes are damaged, or would be longer than any record."""
    reader = zlib.decompressobj()
    try:
        text = reader.decompress(data.removeprefix(_PACKED), _MOST_UNPACKED).decode("utf-8", "surrogatepass")
    except (zlib.error, UnicodeDecodeError):
        return ""
    return text if data.startswith(_PACKED) and reader.eof else ""


def inserting(table: sa.Table, dialect: sa.Dialect) -> sqlite.Insert | postgresql.Insert:
    """The dialect's own `INSERT`, which can leave or replace a row that exists."""
    if dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql  # an eighth of the start of `v2xum status`

        return postgresql.insert(table)
    return sqlite.insert(table)


sources = sa.Table(
    "sources",
    metadata,
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.String(128), nullable=False, unique=True),
    sa.Column("digest", sa.String(64), nullable=False, comment="address, and size and mtime of a local file"),
    sa.Column("payload", sa.Text, nullable=False, comment="Source as JSON; empty when the row was rejected at once"),
    sa.Column("checksum", sa.String(64), comment="sha256 of the payload"),
)

results = sa.Table(
    "results",
    metadata,
    sa.Column("video_id", sa.String(128), primary_key=True),
    sa.Column("stage", sa.String(32), primary_key=True),
    sa.Column("fingerprint", sa.String(64), primary_key=True),
    sa.Column("current", sa.Boolean, nullable=False),
    sa.Column("status", sa.String(16), nullable=False, comment="done | rejected"),
    sa.Column("payload", PackedText, nullable=False, comment="the stage's record, or a Rejection"),
    sa.Column("digest", sa.String(64), nullable=False, comment="sha256 of the payload; later stages depend on it"),
    sa.Column("content", sa.String(64), comment="sha256 of the video file, for the download stage"),
    sa.Column("error_class", sa.String(16)),
    sa.Column("reason", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False, comment="runs of this stage with this fingerprint"),
    sa.Column("tokens_in", sa.BigInteger, nullable=False),
    sa.Column("tokens_out", sa.BigInteger, nullable=False),
    sa.Column("requests", sa.Integer, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False, comment="wall time of the work"),
    sa.Column("made_at", sa.Float, nullable=False, comment="unix time"),
    sa.Index("results_current", "video_id", "current"),
    sa.Index("results_content", "content"),
)

duplicates = sa.Table(
    "duplicates",
    metadata,
    sa.Column("video_id", sa.String(128), primary_key=True),
    sa.Column("of_id", sa.String(128), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
)

replies = sa.Table(
    "replies",
    metadata,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("text", AnyText, nullable=False),
    sa.Column("finish", sa.String(8), nullable=False),
    sa.Column("tokens_in", sa.BigInteger, nullable=False),
    sa.Column("tokens_out", sa.BigInteger, nullable=False),
    sa.Column("model", sa.Text, nullable=False, comment="its name as configured"),
    sa.Column("made_at", sa.Float, nullable=False, comment="unix time"),
    sa.Column("checksum", sa.String(64), comment="sha256 of the text"),
)

canaries = sa.Table(
    "canaries",
    metadata,
    sa.Column("video_id", sa.String(128), primary_key=True),
    sa.Column("outcomes", sa.Text, nullable=False, comment="CanaryOutcomes of the latest captions as JSON"),
    sa.Column("made_at", sa.Float, nullable=False, comment="unix time"),
)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("started_at", sa.Float, nullable=False),
    sa.Column("ended_at", sa.Float),
    sa.Column("outcome", sa.String(32), nullable=False),
    sa.Column("counts", sa.Text, nullable=False, comment="per stage: made, reused, rejected in this run"),
)

verdicts = sa.Table(
    "verdicts",
    metadata,
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("key", sa.String(64), nullable=False, unique=True, comment="hash of origin and update time"),
    sa.Column("sample_id", sa.String(128), nullable=False),
    sa.Column("decision", sa.String(16), comment="accept | fix | reject; null: half-finished"),
    sa.Column("payload", sa.Text, nullable=False, comment="Verdict as JSON; never updated, never deleted"),
    sa.Column("stored_at", sa.Float, nullable=False, comment="unix time"),
    sa.Column("checksum", sa.String(64), comment="sha256 of the payload"),
    sa.Index("verdicts_sample", "sample_id"),
)

pushed = sa.Table(
    "review_pushed",
    metadata,
    sa.Column("project", sa.String(200), primary_key=True),
    sa.Column("sample_id", sa.String(128), primary_key=True),
    sa.Column("content_sha256", sa.String(64), nullable=False),
    sa.Column("task_id", sa.BigInteger, nullable=False),
    sa.Column("stratum", sa.String(16), nullable=False),
    sa.Column("pushed_at", sa.Float, nullable=False, comment="unix time"),
)

cursors = sa.Table(
    "review_cursors",
    metadata,
    sa.Column("project", sa.String(200), primary_key=True),
    sa.Column("value", sa.Text, nullable=False, comment="how far it was pulled"),
)

properties = sa.Table(
    "properties",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

identities = sa.Table(
    "model_identities",
    metadata,
    sa.Column("models", sa.String(64), primary_key=True, comment="sha256 of the configuration's section `models`"),
    sa.Column("payload", sa.Text, nullable=False, comment="ModelIdentities as JSON"),
    sa.Column("noted_at", sa.Float, nullable=False, comment="unix time of the run that looked at the weights"),
)

rechecks = sa.Table(
    "rechecks",
    metadata,
    sa.Column("video_id", sa.String(128), primary_key=True),
    sa.Column("content", sa.String(64), nullable=False, comment="sha256 of the published file"),
    sa.Column("outcome", sa.String(16), nullable=False, comment="available | absent | gone | licence | unclear"),
    sa.Column("reason", sa.String(64)),
    sa.Column("detail", AnyText),
    sa.Column("checked_at", sa.Float, nullable=False, comment="unix time of the latest answer"),
    sa.Column("first_at", sa.Float, comment="unix time of the first look that found it absent"),
    sa.Column("gone_at", sa.Float, comment="unix time since when it has a tombstone"),
)

opt_outs = sa.Table(
    "opt_outs",
    metadata,
    sa.Column("kind", sa.String(16), primary_key=True, comment="id | address | channel"),
    sa.Column("sha256", sa.String(64), primary_key=True, comment="hash of kind and name"),
    sa.Column("name", AnyText, comment="of an id, where the list gave it in plain text"),
    sa.Column("noted_at", sa.Float, nullable=False, comment="unix time"),
)

opted_out = sa.Table(
    "opted_out",
    metadata,
    sa.Column("video_id", sa.String(128), primary_key=True),
    sa.Column("noted_at", sa.Float, nullable=False, comment="unix time"),
)

claims = sa.Table(
    "claims",
    metadata,
    sa.Column("key", sa.String(128), primary_key=True, comment="what is claimed: `run`, or a shard of a run"),
    sa.Column("owner", sa.Text, nullable=False, comment="host, process id, and a random part"),
    sa.Column("fence", sa.BigInteger, nullable=False, comment="grows with each owner, and is never used again"),
    sa.Column("expires_at", sa.DateTime(timezone=True), comment="by the database's clock; null: released"),
    sa.Column("parent_key", sa.String(128)),
    sa.Column("parent_fence", sa.BigInteger),
    # Unique, so that a new owner waits for transactions that hold `FOR KEY SHARE`, and a renewal does not.
    sa.Index("claims_fence", "key", "fence", unique=True),
)

hosts = sa.Table(
    "hosts",
    metadata,
    sa.Column(
        "host", sa.Text, primary_key=True, comment="of downloads that the nodes of a run share; times: database's"
    ),
    sa.Column("next_turn", sa.DateTime(timezone=True), nullable=False),
    sa.Column("closed_until", sa.DateTime(timezone=True), comment="end of its pause"),
    sa.Column("trying_until", sa.DateTime(timezone=True), comment="until then one visit alone tries it after a pause"),
    sa.Column("reason", sa.Text, nullable=False, comment="why it refused"),
    sa.Column("forbidden", sa.Integer, nullable=False, comment="answers `forbidden` in a row"),
    sa.Column("refusals", sa.Integer, nullable=False, comment="the pause's number in a row; 0: it answers"),
    sa.Column("trials", sa.BigInteger, nullable=False, comment="the number of the latest trial"),
)
