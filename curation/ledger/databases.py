"""Opens the database of a workspace's ledger: a SQLite file, or the PostgreSQL database that V2XUM_LEDGER names.

In PostgreSQL each workspace has its own schema and notes the name of that schema. So several workspaces can share a
database. The address holds a password: it stays in the environment, and no file and no message repeats it.
"""

from __future__ import annotations

import os
import re
import secrets
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import sqlalchemy as sa

from curation.ledger.ledger import Ledger
from schemas.errors import ConfigError

LEDGER = "V2XUM_LEDGER"
_FILE = "ledger.sqlite"
_NOTE = "ledger.postgresql"
_SCHEMA = re.compile(r"v2xum_[0-9a-f]{16}")
_CONNECT_SECONDS = "15"


def has_ledger(root: Path) -> bool:
    """Whether a ledger was ever made for the workspace at `root`."""
    return (root / _FILE).exists() or (root / _NOTE).exists()


def open_ledger(root: Path) -> Ledger:
    """The ledger of the workspace at `root`, made when there is none.

    Raises ConfigError when V2XUM_LEDGER names no database that can be used, or disagrees with where the ledger is.
    """
    url = postgresql_address(LEDGER)
    if url is None:
        if (root / _NOTE).exists():
            raise ConfigError(f"{root}: its ledger is in PostgreSQL; set {LEDGER} to the address of that database")
        return Ledger(f"sqlite:///{root / _FILE}")
    if (root / _FILE).exists():
        raise ConfigError(f"{root}: its ledger is in {_FILE}; unset {LEDGER}, or use another --workspace")
    try:
        return _shared(root, url)
    except sa.exc.DBAPIError as error:
        said = str(error.orig).strip().partition("\n")[0].replace(str(url.password), "***")
        raise ConfigError(f"{LEDGER}: the ledger at {_shown(url)} cannot be opened: {said}") from None
    except ModuleNotFoundError as error:
        raise ConfigError(f"{LEDGER}: PostgreSQL needs psycopg; pip install 'psycopg[binary]'") from error


def postgresql_address(variable: str) -> sa.URL | None:
    """The address that an environment variable holds; None when it is unset or empty.

    Raises ConfigError for a text that is not such an address. The message never quotes the text, which may hold a
    password.
    """
    text = os.environ.get(variable, "").strip()
    if not text:
        return None
    try:
        parts = urlsplit(text)
        name, port = unquote(parts.path.removeprefix("/")), parts.port
        options = dict(parse_qsl(parts.query, strict_parsing=True)) if parts.query else {}
    except ValueError:
        parts, name, port, options = urlsplit(""), "", None, {}
    whole = name and not set(name) & set("/@") and parts.hostname and not parts.fragment
    if not whole or parts.scheme not in ("postgresql", "postgres"):
        raise ConfigError(
            f"{variable}: not an address of a database; it looks like postgresql://USER:PASSWORD@HOST/NAME "
            "(special characters of the password as %40 and the like)"
        )
    user, password = (None if part is None else unquote(part) for part in (parts.username, parts.password))
    return sa.URL.create("postgresql+psycopg", user, password, parts.hostname, port, name, options)


def _shared(root: Path, url: sa.URL) -> Ledger:
    note = root / _NOTE
    schema = note.read_text(encoding="utf-8").strip() if note.exists() else None
    if schema is not None and not _SCHEMA.fullmatch(schema):
        raise ConfigError(f"{note}: not the name of a ledger; restore it from a backup")
    if "connect_timeout" not in url.query:
        url = url.update_query_dict({"connect_timeout": _CONNECT_SECONDS})
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    if schema is not None:
        if not sa.inspect(engine).has_schema(schema):
            raise ConfigError(
                f"{LEDGER}: {_shown(url)} has no {schema}, which is the ledger of {root}: another database?"
            )
        return Ledger(url, schema)
    schema = f"v2xum_{secrets.token_hex(8)}"
    with engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(schema))
    # Noted after it was made: a kill between the two steps leaves an empty schema and no workspace without its ledger.
    temporary = root / f".{_NOTE}.{os.getpid()}"
    temporary.write_text(schema + "\n", encoding="utf-8")
    temporary.replace(note)
    return Ledger(url, schema)


def _shown(url: sa.URL) -> str:
    return f"{url.host}{f':{url.port}' if url.port else ''}/{url.database}"
