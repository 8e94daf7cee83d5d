"""Versions of the ledger's tables: steps lead from every earlier one to today's, once, on both databases."""

from __future__ import annotations

import multiprocessing
import os
import secrets
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from curation.ledger import tables as t
from curation.ledger.ledger import Ledger
from curation.ledger.part import checksum
from curation.ledger.schema import GENERATION, HEAD, IDENTITY
from curation.review.verdict_store import Reviews
from models.chat import Reply
from schemas.errors import ConfigError, LedgerDamaged
from tests.curation.scripted_stages import source
from tests.postgres import closing_engine

# As the last program without versions made them, with a row in each table that gets a checksum.
BEFORE = """
CREATE TABLE sources (position INTEGER NOT NULL PRIMARY KEY, id VARCHAR(128) NOT NULL,
  digest VARCHAR(64) NOT NULL, payload TEXT NOT NULL, UNIQUE (id));
CREATE TABLE results (video_id VARCHAR(128) NOT NULL, stage VARCHAR(32) NOT NULL, fingerprint VARCHAR(64) NOT NULL,
  current BOOLEAN NOT NULL, status VARCHAR(16) NOT NULL, payload TEXT NOT NULL, digest VARCHAR(64) NOT NULL,
  content VARCHAR(64), error_class VARCHAR(16), reason TEXT, attempts INTEGER NOT NULL, tokens_in BIGINT NOT NULL,
  tokens_out BIGINT NOT NULL, requests INTEGER NOT NULL, seconds FLOAT NOT NULL, made_at FLOAT NOT NULL,
  PRIMARY KEY (video_id, stage, fingerprint));
CREATE INDEX results_current ON results (video_id, current);
CREATE INDEX results_content ON results (content);
CREATE TABLE replies ("key" VARCHAR(64) NOT NULL PRIMARY KEY, text TEXT NOT NULL, finish VARCHAR(8) NOT NULL,
  tokens_in BIGINT NOT NULL, tokens_out BIGINT NOT NULL, model TEXT NOT NULL, made_at FLOAT NOT NULL);
INSERT INTO sources VALUES (1, 'v1', 'd', '{payload}');
INSERT INTO replies VALUES ('k', '{reply}', 'stop', 1, 2, 'm', 5.0);
"""


def old_ledger(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(BEFORE.replace("{payload}", source("v1").canonical()).replace("{reply}", "Héllo"))
        connection.executemany(
            "INSERT INTO replies VALUES (?, 'again', 'stop', 1, 2, 'm', 5.0)", ((f"{n:04d}",) for n in range(1203))
        )
        connection.commit()


def differences(ledger: Ledger, schema: str | None = None) -> list[object]:
    """What Alembic would change to make the tables those of tables.py."""
    with ledger.engine.connect() as connection:
        if schema is not None:
            connection.execution_options(schema_translate_map=None)
            connection.exec_driver_sql(f"SET search_path TO {schema}")
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = [each[0] if isinstance(each, list) else each for each in compare_metadata(context, t.metadata)]
    return [each for each in found if each[0] != "modify_comment"]


def versions(ledger: Ledger) -> list[str]:
    with ledger.engine.connect() as connection:
        return list(connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars())


def test_a_new_ledger_and_one_brought_up_have_the_same_tables(tmp_path: Path) -> None:
    old_ledger(tmp_path / "old.sqlite")
    for name in ("new", "old"):
        with closing(Ledger(f"sqlite:///{tmp_path / name}.sqlite")) as ledger:
            assert differences(ledger) == [] and versions(ledger) == [HEAD], name
            assert len(ledger.property(IDENTITY) or "") == 32 and ledger.property(GENERATION) == "1"


def made_by(version: str, connection: sa.Connection) -> None:
    """The tables of a version, as its own steps make them, with a list row and a reply."""
    config = Config()
    config.set_main_option("script_location", "curation.ledger:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, version)
    text = '"again"' if connection.dialect.name == "postgresql" else "again"
    summed = version > "0001"
    for table, values in (
        ("sources", {"position": 1, "id": "v1", "digest": "d", "payload": source("v1").canonical()}),
        (
            "replies",
            {"key": "k", "text": text, "finish": "stop", "tokens_in": 1, "tokens_out": 2, "model": "m", "made_at": 5.0},
        ),
    ):
        plain = "again" if table == "replies" else str(values["payload"])
        row = {**values, "checksum": checksum(plain)} if summed else values
        into = sa.table(table, *(sa.column(name) for name in row))
        connection.execute(sa.insert(into).values(row))


VERSIONS = ("0001", "0002", "0003", "0004", "0005", HEAD)


def test_every_version_is_brought_up_to_date(tmp_path: Path) -> None:
    config = Config()
    config.set_main_option("script_location", "curation.ledger:migrations")
    assert {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()} == set(VERSIONS)
    for version in VERSIONS:
        url = f"sqlite:///{tmp_path / version}.sqlite"
        with closing_engine(sa.create_engine(url)) as engine, engine.begin() as connection:
            made_by(version, connection)
        with closing(Ledger(url)) as ledger:
            as_today(ledger)


@pytest.mark.slow
@pytest.mark.postgresql
@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_is_brought_up_to_date_in_postgresql(postgresql: sa.URL, version: str) -> None:
    schema = f"v2xum_{secrets.token_hex(8)}"
    with closing_engine(sa.create_engine(postgresql)) as engine, engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(schema))
        connection.exec_driver_sql(f"SET LOCAL search_path TO {schema}")
        made_by(version, connection)
    with closing(Ledger(postgresql, schema)) as ledger:
        as_today(ledger, schema)
        taken = ledger.claim("run", "a")
        assert taken is not None and taken.fence == 1


def as_today(ledger: Ledger, schema: str | None = None) -> None:
    """Today's tables, with the rows of before."""
    assert differences(ledger, schema) == []
    assert [row.source() for row in ledger.sources()] == [source("v1")]
    assert ledger.get_replies(["k"]) == {"k": Reply("again", "stop", 1, 2)}
    assert ledger.property(GENERATION) == "1"


def test_the_head_is_that_of_the_steps() -> None:
    config = Config()
    config.set_main_option("script_location", "curation.ledger:migrations")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_rows_of_before_are_there_afterwards_and_have_checksums(tmp_path: Path) -> None:
    old_ledger(tmp_path / "l.sqlite")
    with closing(Ledger(f"sqlite:///{tmp_path / 'l.sqlite'}")) as ledger:
        assert [row.source() for row in ledger.sources()] == [source("v1")]
        assert ledger.get_replies(["k", "0000", "1202"]) == {
            "k": Reply("Héllo", "stop", 1, 2),
            **dict.fromkeys(("0000", "1202"), Reply("again", "stop", 1, 2)),
        }
        assert list(Reviews(ledger).verdicts()) == []  # the table came later
        with ledger.engine.connect() as connection:
            sums = connection.execute(sa.select(t.replies.c.text, t.replies.c.checksum)).all()
        assert len(sums) == 1204 and all(noted == checksum(text) for text, noted in sums)


@pytest.mark.slow
def test_it_works_from_any_folder_without_a_file_of_the_folder(tmp_path: Path) -> None:
    old_ledger(tmp_path / "l.sqlite")
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "env.py").write_text("raise SystemExit('not this one')")
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = migrations\n")
    code = "from curation.ledger.ledger import Ledger; Ledger('sqlite:///l.sqlite').close()"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3]), "PYTHONWARNINGS": "error"}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True, timeout=60)
    with closing(sqlite3.connect(tmp_path / "l.sqlite")) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(HEAD,)]


def opened(path: str) -> tuple[str | None, int]:
    """Open in a process of its own."""
    with closing(Ledger(f"sqlite:///{path}")) as ledger:
        return ledger.property(IDENTITY), len(ledger.get_replies([f"{n:04d}" for n in range(1203)]))


@pytest.mark.slow
@pytest.mark.parametrize("old", [True, False])
def test_processes_that_open_at_once_do_it_once(tmp_path: Path, old: bool) -> None:
    path = tmp_path / "l.sqlite"
    if old:
        old_ledger(path)
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        answers = pool.map_async(opened, [str(path)] * 8, chunksize=1).get(timeout=120)
    assert len(set(answers)) == 1 and answers[0][1] == (1203 if old else 0)


def test_a_newer_ledger_is_refused_and_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'l.sqlite'}"
    Ledger(url).close()
    with closing(sqlite3.connect(tmp_path / "l.sqlite")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0099'")
        connection.commit()
    with pytest.raises(ConfigError, match=r"l\.sqlite: made by a newer version .* version 0099.*update the program"):
        Ledger(url)
    with closing(sqlite3.connect(tmp_path / "l.sqlite")) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0099",)]


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("ALTER TABLE results DROP COLUMN payload", "results.payload"),
        ("DROP TABLE verdicts", "verdicts.payload"),
    ],
)
def test_a_ledger_that_lacks_something_is_refused_by_name(tmp_path: Path, statement: str, named: str) -> None:
    url = f"sqlite:///{tmp_path / 'l.sqlite'}"
    Ledger(url).close()
    with closing(sqlite3.connect(tmp_path / "l.sqlite")) as connection:
        connection.execute(statement)
    with pytest.raises(LedgerDamaged, match=f"it lacks .*{named}.*v2xum repair"):
        Ledger(url)


@pytest.mark.slow
@pytest.mark.postgresql
def test_the_steps_work_in_a_schema_of_postgresql(postgresql: sa.URL) -> None:
    schema = f"v2xum_{secrets.token_hex(8)}"
    quoted = '"h\\u0000\\ud83d\\ude42"'  # as PostgreSQL stores a reply
    with closing_engine(sa.create_engine(postgresql)) as engine, engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(schema))
        connection.exec_driver_sql(f"SET LOCAL search_path TO {schema}")
        for statement in BEFORE.replace("{payload}", source("v1").canonical()).replace("{reply}", quoted).split(";\n"):
            if statement.strip():
                connection.execute(sa.text(statement.replace(":", r"\:")))
    with closing(Ledger(postgresql, schema)) as ledger:
        assert ledger.get_replies(["k"]) == {"k": Reply("h\0\U0001f642", "stop", 1, 2)}
        assert [row.source() for row in ledger.sources()] == [source("v1")]
        assert ledger.property(GENERATION) == "1"
        assert differences(ledger, schema) == []
    with closing_engine(sa.create_engine(postgresql)) as engine:
        assert "alembic_version" not in sa.inspect(engine).get_table_names("public")
    Ledger(postgresql, schema).close()
