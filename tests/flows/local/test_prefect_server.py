"""The server of a run starts whatever lies in the place of its database, which holds no results."""

from __future__ import annotations

import base64
import random
import socket
import sqlite3
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from flows.local.prefect_server import local_server, raise_if_open, server_beside
from schemas.errors import ConfigError

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


def asked(url: str, password: str | None = None) -> int:
    """The status of an answer about the server's flow runs, which a page in a browser or another user would ask for."""
    request = urllib.request.Request(f"{url}/flow_runs/filter", b"{}", {"Content-Type": "application/json"})
    if password is not None:
        request.add_header("Authorization", f"Basic {base64.b64encode(password.encode()).decode()}")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_the_server_of_a_run_answers_nobody_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    monkeypatch.setenv("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
    with server_beside(tmp_path) as server:
        url, password = (str(value) for value in server.settings().values())
        assert url.startswith("http://127.0.0.1:") and len(password) > 32
        assert [asked(url), asked(url, "v2xum:guess"), asked(url, password)] == [401, 401, 200]
        somewhere(monkeypatch)
        raise_if_open(url.replace("127.0.0.1", "prefect.example.org"))
    assert password not in "".join(path.read_text(errors="replace") for path in tmp_path.rglob("*") if path.is_file())


def somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a name of a network be this machine."""
    resolve = socket.getaddrinfo

    def named(host: object, *rest: object, **more: object) -> object:
        return resolve("127.0.0.1" if host == "prefect.example.org" else host, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", named)


def test_an_open_server_on_a_network_is_refused(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    somewhere(monkeypatch)
    url = server.replace("127.0.0.1", "prefect.example.org")
    monkeypatch.setenv("PREFECT_API_URL", url)
    with pytest.raises(ConfigError, match="answers anybody on its network"), local_server(tmp_path):
        pass
    for other in (server, "http://prefect.example.org:1/api", "http://[", "https://nowhere.invalid/api"):
        monkeypatch.setenv("PREFECT_API_URL", other)
        with local_server(tmp_path) as used:
            assert used == other
