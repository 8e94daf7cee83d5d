"""A PostgreSQL server of one's own: in a temporary folder, on a free port of 127.0.0.1, gone with its context."""

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

import sqlalchemy as sa

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


def programs() -> Path | None:
    """The folder of `initdb` and `postgres`; the newest of several."""
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = sorted(installed, key=lambda path: float(path.parts[-3]))
    found = newest[-1:] or [Path(path) for path in filter(None, [shutil.which("initdb")])]
    return found[0].resolve().parent if found else None


@contextmanager
def running() -> Iterator[sa.URL]:
    """The address of a running server's empty database, with a password in it. Raises RuntimeError where none starts.

    Its Unix socket lies in the folder that `SHOW unix_socket_directories` names.
    """
    found = programs()
    if found is None:
        raise RuntimeError("no PostgreSQL here; on Debian: apt-get install postgresql")
    # Not below pytest's folder, which is closed to the user that the server runs as: it refuses to be root.
    with tempfile.TemporaryDirectory(prefix="v2xum-postgresql-") as name:
        folder = Path(name)
        (folder / "password").write_text(PASSWORD + "\n")
        user = _user()
        for path in (folder, folder / "password"):
            if user:
                shutil.chown(path, user["user"], user["group"])
        _initdb(found, folder, user)
        port = free_port()
        settings = _OPTIONS | {"port": str(port), "unix_socket_directories": name}
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [found / "postgres", "-D", folder / "data", *options],
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


def _initdb(place: Path, folder: Path, user: dict[str, Any]) -> None:
    command: list[str | Path] = [
        place / "initdb",
        "-D",
        folder / "data",
        "-U",
        _ROLE,
        f"--pwfile={folder / 'password'}",
        *_INITDB,
    ]
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
