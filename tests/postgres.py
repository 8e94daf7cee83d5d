"""A PostgreSQL server of the tests' own: in a temporary folder, on a free port of 127.0.0.1, gone with the tests."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from curation.ledger.ledger import Ledger
from schemas.kit.local_process import end_with_parent, free_port

# Characters that an address must escape: a password is found in a message only if it is not cut at one of them.
PASSWORD = f"p@s/{secrets.token_hex(8)}:#%"
SECRET = PASSWORD[4:20]
_ROLE = "curator"
# Sorted by a language, as on most servers: nothing may depend on the order of bytes there.
_INITDB = ("--no-sync", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8")
_ICU = ("--locale-provider=icu", "--icu-locale=en-US")
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
}


@pytest.fixture(scope="session")
def postgresql() -> Iterator[sa.URL]:
    """The address of a running server's empty database, where PostgreSQL is installed; with a password in it."""
    pytest.importorskip("psycopg", reason="psycopg is missing; install the extra `postgresql`")
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL here; on Debian: apt-get install postgresql")
    with _running(programs) as url:
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


def _programs() -> Path | None:
    """The folder of `initdb` and `postgres`; the newest of several."""
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = sorted(installed, key=lambda path: float(path.parts[-3]))
    found = newest[-1:] or [Path(path) for path in filter(None, [shutil.which("initdb")])]
    return found[0].resolve().parent if found else None


@contextmanager
def _running(programs: Path) -> Iterator[sa.URL]:
    # Not below pytest's folder, which is closed to the user that the server runs as: it refuses to be root.
    with tempfile.TemporaryDirectory(prefix="v2xum-postgresql-") as name:
        folder = Path(name)
        (folder / "password").write_text(PASSWORD + "\n")
        user = _user()
        for path in (folder, folder / "password"):
            if user:
                shutil.chown(path, user["user"], user["group"])
        _initdb(programs, folder, user)
        port = free_port()
        settings = _OPTIONS | {"port": str(port), "unix_socket_directories": name}
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [programs / "postgres", "-D", folder / "data", *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                preexec_fn=partial(end_with_parent, signal.SIGINT),
                **user,
            )
        try:
            url = sa.URL.create("postgresql+psycopg", _ROLE, PASSWORD, "127.0.0.1", port, "postgres")
            _wait(process, url, folder / "log")
            yield url
        finally:
            process.send_signal(signal.SIGINT)  # its fast shutdown: sessions are ended
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _initdb(programs: Path, folder: Path, user: dict[str, Any]) -> None:
    command = [programs / "initdb", "-D", folder / "data", "-U", _ROLE, f"--pwfile={folder / 'password'}", *_INITDB]
    for more in (_ICU, ()):  # before PostgreSQL 15 there is no such choice
        done = subprocess.run([*command, *more], cwd=folder, capture_output=True, text=True, check=False, **user)
        if done.returncode == 0:
            return
        shutil.rmtree(folder / "data", ignore_errors=True)
    raise RuntimeError(f"initdb failed:\n{done.stderr}")


def _wait(process: subprocess.Popen[bytes], url: sa.URL, log: Path) -> None:
    import psycopg

    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            with closing(psycopg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))):
                return
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _user() -> dict[str, Any]:
    """Whom to run the server as when we are root."""
    if os.geteuid() != 0:
        return {}
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = known.get("postgres") or known["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
