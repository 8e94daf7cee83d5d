"""Tables that an earlier version of the ledger has not are no loss; a table that is gone is."""

import sqlite3
from contextlib import closing

import pytest

from curation.ledger.recovery.rows import Gap, rows


@pytest.mark.parametrize(
    ("version", "table", "found"),
    [
        ("0002", "opt_outs", []),
        ("0003", "opt_outs", [Gap(0, None)]),
        ("0002", "verdicts", [Gap(0, None)]),
        (None, "opt_outs", [Gap(0, None)]),
    ],
)
def test_a_missing_table_is_a_gap_where_the_version_has_it(version: str | None, table: str, found: list[Gap]) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.text_factory = bytes
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        if version is not None:
            connection.execute("INSERT INTO alembic_version VALUES (?)", (version,))
        assert list(rows(connection, table)) == found
