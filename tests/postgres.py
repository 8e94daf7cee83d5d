"""The PostgreSQL server of the tests, and what they ask it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from benchmarks.nodes.postgres import PASSWORD as PASSWORD
from benchmarks.nodes.postgres import SECRET as SECRET
from benchmarks.nodes.postgres import programs, running
from curation.ledger.ledger import Ledger


@pytest.fixture(scope="session")
def postgresql() -> Iterator[sa.URL]:
    """The address of a running server's empty database, where PostgreSQL is installed; with a password in it."""
    pytest.importorskip("psycopg", reason="psycopg is missing; install the extra `postgresql`")
    if programs() is None:
        pytest.skip("no PostgreSQL here; on Debian: apt-get install postgresql")
    with running() as url:
        yield url


def new_database(server: sa.URL, name: str) -> sa.URL:
    """Make another database on the server; its address."""
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with closing_engine(engine), engine.connect() as connection:
        connection.execute(sa.text(f'CREATE DATABASE "{name}"'))
    return server.set(database=name)


def new_ledger(server: sa.URL) -> Ledger:
    """An empty ledger in a schema of its own; not dropped afterwards: the server goes with the tests."""
    schema = f"v2xum_{secrets.token_hex(8)}"
    with closing_engine(sa.create_engine(server)) as engine, engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(schema))
    return Ledger(server, schema)


@contextmanager
def closing_engine(engine: sa.Engine) -> Iterator[sa.Engine]:
    """The engine, without connections afterwards."""
    try:
        yield engine
    finally:
        engine.dispose()


def rows(server: sa.URL, query: str) -> list[Any]:
    """What a query answers."""
    with closing_engine(sa.create_engine(server)) as engine, engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def text_of(url: sa.URL) -> str:
    """An address as a user writes it: without the name of a driver, and with its password."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)
