"""The server of a run starts whatever lies in the place of its database, which holds no results."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from flows.local.prefect_server import local_server

pytestmark = [pytest.mark.prefect, pytest.mark.slow]


@pytest.mark.parametrize("damage", ["garbage", "of a newer server"])
def test_a_database_that_cannot_be_used_is_set_aside_and_named(
    tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    monkeypatch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    database = tmp_path / "prefect.db"
    if damage == "garbage":
        database.write_bytes(random.Random(1).randbytes(5000))
    else:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
            connection.execute("INSERT INTO alembic_version VALUES ('ffffffffffff')")
            connection.commit()
    content = b"ffffffffffff" if damage != "garbage" else database.read_bytes()
    with local_server(tmp_path) as url:
        assert url.startswith("http://127.0.0.1:")
    assert str(database) in caplog.text and "it is kept as prefect.db.damaged" in caplog.text
    assert content in (tmp_path / "prefect.db.damaged").read_bytes()
    assert database.read_bytes().startswith(b"SQLite format 3")
