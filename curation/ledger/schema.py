"""The version of a ledger's tables: they are made new, brought up to date step by step, or refused.

The steps are Alembic's (migrations/versions). Alembic is imported only where a step is due.
"""

from __future__ import annotations

import secrets

import sqlalchemy as sa

from curation.ledger import tables as t
from curation.ledger.part import altered, ledger_name
from schemas.errors import ConfigError

HEAD = "0006"
IDENTITY, GENERATION = "identity", "generation"  # properties that every ledger has from its making on
_VERSION = sa.Table("alembic_version", sa.MetaData(), sa.Column("version_num", sa.String(32), primary_key=True))
_SCRIPTS = "curation.ledger:migrations"
_MIGRATING = 0x76327876  # the number of this project's advisory lock on PostgreSQL
_FIRST = {"key", "text", "finish", "tokens_in", "tokens_out", "model", "made_at"}  # the oldest replies that are read
_OF_SQLITE = """SELECT m.name, c.name FROM sqlite_master AS m, pragma_table_info(m.name) AS c WHERE m.type = 'table'"""
_OF_POSTGRESQL = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = :schema"


def prepare(engine: sa.Engine, schema: str | None) -> None:
    """Make the tables of a new ledger, or bring those of an older version up to date, in one transaction.

    Of several processes that open a ledger at once, one does it and the others wait. Raises ConfigError for a ledger
    of a newer or of a much older version, LedgerDamaged for one that lacks tables or columns of its version.
    """
    with engine.connect() as connection:
        columns = _columns(connection, schema)
        version = _version(connection, columns)
    if version != HEAD:
        with engine.connect() as connection:
            _lock(connection, schema)
            columns = _columns(connection, schema)
            version = _version(connection, columns)  # another process may have been quicker
            if version is None and not columns:
                _make(connection)
            elif version != HEAD:
                _bring_up(connection, version, columns)
            columns = _columns(connection, schema)
            connection.commit()
    wanted = {(table.name, column.name) for table in t.metadata.sorted_tables for column in table.columns}
    if missing := sorted(f"{table}.{column}" for table, column in wanted if column not in columns.get(table, ())):
        raise altered(engine, f"it lacks {', '.join(missing)}")


def _columns(connection: sa.Connection, schema: str | None) -> dict[str, set[str]]:
    """The columns of every table that is there."""
    sqlite = connection.dialect.name == "sqlite"
    query = sa.text(_OF_SQLITE) if sqlite else sa.text(_OF_POSTGRESQL).bindparams(schema=schema)
    found: dict[str, set[str]] = {}
    for table, column in connection.execute(query):
        found.setdefault(table, set()).add(column)
    return found


def _version(connection: sa.Connection, columns: dict[str, set[str]]) -> str | None:
    """The version that the ledger notes; None where it notes none."""
    return connection.execute(sa.select(_VERSION)).scalar() if _VERSION.name in columns else None


def _lock(connection: sa.Connection, schema: str | None) -> None:
    """Begin a transaction that keeps other processes out."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATING)))
    if schema is not None:  # Alembic's steps name no schema
        quoted = connection.dialect.identifier_preparer.quote(schema)
        connection.exec_driver_sql(f"SET LOCAL search_path TO {quoted}")


def _make(connection: sa.Connection) -> None:
    t.metadata.create_all(connection, checkfirst=False)
    _VERSION.create(connection)
    connection.execute(sa.insert(_VERSION).values(version_num=HEAD))
    named = {IDENTITY: secrets.token_hex(16), GENERATION: "1"}
    connection.execute(sa.insert(t.properties), [{"name": name, "value": value} for name, value in named.items()])


def _bring_up(connection: sa.Connection, version: str | None, columns: dict[str, set[str]]) -> None:
    name = ledger_name(connection.engine)
    if version is None and (missing := _FIRST - columns.get(t.replies.name, _FIRST)):
        raise ConfigError(
            f"{name}: made by an earlier version (its replies lack {', '.join(sorted(missing))}): "
            "use another --workspace"
        )
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", _SCRIPTS)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if version is not None and version not in known:
        raise ConfigError(
            f"{name}: made by a newer version of this program (its tables have version {version}, this program knows "
            f"{HEAD}): update the program"
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
