"""Starts a Prefect server for one run, on a free local port, beside the run's first work, and stops it with the run.

The server keeps its records in the workspace, and answers whoever knows its password: other users of the machine, and
pages in a browser, do not. When PREFECT_API_URL is set, that server is used and none is started; one that is reached
over a network and asks for no password is refused, because anybody there could let it run anything.
"""

from __future__ import annotations

import logging
import os
import secrets
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from curation.ledger.integrity import fault_of_files
from curation.store.files import make_private
from schemas.errors import ConfigError, RunStopped
from schemas.kit.local_process import end_with_parent, free_port
from schemas.secret_addresses import hide_secrets, without_secrets

PREFECT_QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_SERVER_UI_ENABLED": "false",
    # Without batches a server loses run records when a few hundred arrive at once.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "2",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "200",
}
# What a server asks for, and what its own parts say to it. The environment of a process is its user's alone.
_PASSWORDS = ("PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING")
_HERE = ("127.0.0.1", "localhost", "::1")
_PROBE_SECONDS = 10.0
START_SECONDS = 180.0
_DATABASE = "prefect.db"
_ELSEWHERE = "PREFECT_API_DATABASE_CONNECTION_URL"  # the user's own database
log = logging.getLogger(__name__)


def quiet_environment(home: Path) -> None:
    """Set Prefect's environment variables: no telemetry, files under `home`, only critical log messages.

    Call it before the first `import prefect`, which reads them. Variables that the user set stay as they are.
    """
    for name, value in {**PREFECT_QUIET, "PREFECT_HOME": str(home), "PREFECT_LOGGING_LEVEL": "CRITICAL"}.items():
        os.environ.setdefault(name, value)


@contextmanager
def local_server(
    home: Path, raise_if_stopped: Callable[[], None] = lambda: None, password: str | None = None
) -> Iterator[str]:
    """Yield the API URL of a running server. Raises RunStopped with the end of its log when it does not start.

    `raise_if_stopped` is called while the server starts, and may raise RunStopped. `password`: what a server that is
    started here asks for, `USER:PASSWORD`. Raises ConfigError where PREFECT_API_URL names an open server on a network.
    The server's database holds records of earlier runs and no results. A damaged one, or one with which the server does
    not start, is set aside with a warning, and the server starts with a new one.
    """
    given = os.environ.get("PREFECT_API_URL")
    if given:
        raise_if_open(given)
        yield given
        return
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = home / _DATABASE
    if fault := _fault(database):
        _set_aside(database, fault)
    _forget_secrets(database)
    with ExitStack() as running:
        try:
            url = running.enter_context(_server(home, raise_if_stopped, password))
        except ServerEnded:
            if not database.exists() or _ELSEWHERE in os.environ:
                raise
            _set_aside(database, "the server does not start with it")
            url = running.enter_context(_server(home, raise_if_stopped, password))
        yield url


class StartingServer:
    """A server that starts while other work is done. `ready` is set when it has started, and when it cannot start."""

    def __init__(self) -> None:
        """No server is started yet."""
        self.ready = threading.Event()
        self._password = f"v2xum:{secrets.token_hex(16)}"
        self._over = threading.Event()
        self._started: Future[str] = Future()
        self._started.add_done_callback(lambda _started: self.ready.set())

    def url(self) -> str:
        """Wait for the server; returns its API URL. Raises as `local_server`."""
        return self._started.result()

    def settings(self) -> dict[Any, str]:
        """The settings of Prefect by which this process reaches the server. Waits for it; raises as `local_server`."""
        from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL  # Prefect takes seconds to import

        own = {} if os.environ.get("PREFECT_API_URL") else {PREFECT_API_AUTH_STRING: self._password}
        return {PREFECT_API_URL: self.url(), **own}

    def hold(self, home: Path, raise_if_stopped: Callable[[], None]) -> None:
        """Start the server and keep it until `end`; to be called in a thread that lives as long as the server."""

        def check() -> None:
            if self._over.is_set():
                raise RunStopped("the run ended while its Prefect server was starting")
            raise_if_stopped()

        try:
            with local_server(home, check, self._password) as url:
                self._started.set_result(url)
                self._over.wait()
        except BaseException as error:
            if self._started.done():
                raise
            self._started.set_exception(error)

    def end(self) -> None:
        """Let `hold` stop the server, also one that is still starting."""
        self._over.set()


@contextmanager
def server_beside(home: Path, raise_if_stopped: Callable[[], None] = lambda: None) -> Iterator[StartingServer]:
    """Start `local_server` beside the block's own work; the server has ended when the block is left.

    `raise_if_stopped` is called from a thread of the server's own.
    """
    server = StartingServer()
    thread = threading.Thread(target=server.hold, args=(home, raise_if_stopped), name="prefect server", daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.end()
        thread.join()


def raise_if_open(url: str) -> None:
    """Raise ConfigError for a server on a network that answers without a password or a key.

    A server that cannot be reached is not judged: Prefect says what is wrong.
    """
    try:
        host = urlsplit(url).hostname or ""
        if host in _HERE:
            return
        with urllib.request.urlopen(f"{url.rstrip('/')}/admin/version", timeout=_PROBE_SECONDS):  # noqa: S310 - theirs
            pass
    except (OSError, ValueError):  # also a status of 400 and more
        return
    raise ConfigError(
        f"PREFECT_API_URL: the server {without_secrets(url)} answers anybody on its network, who could let its workers "
        "run anything. Start it with PREFECT_SERVER_API_AUTH_STRING=USER:PASSWORD, and set PREFECT_API_AUTH_STRING to "
        "the same here and for its workers; or let it listen on 127.0.0.1, and reach it through ssh -L"
    )


class ServerEnded(RunStopped):
    """The server ended by itself while it was starting."""


@contextmanager
def _server(home: Path, raise_if_stopped: Callable[[], None], password: str | None) -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    command = [
        sys.executable,
        "-m",
        "prefect",
        "server",
        "start",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--no-ui",
    ]
    known = {} if password is None else dict.fromkeys(_PASSWORDS, password)
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **known, "PREFECT_HOME": str(home)},
            umask=0o077,  # its records are nobody else's business
            start_new_session=True,  # Ctrl-C must reach the run only, which then stops the server
            preexec_fn=end_with_parent,
        )
        try:
            _wait(process, url, home / "server.log", raise_if_stopped)
            yield url
        finally:
            _stop(process)


def _forget_secrets(database: Path) -> None:
    """Remove the server's records if an earlier version wrote signatures of sources into them.

    That version let everybody read the database, which tells it apart. The ledger has all that counts.
    """
    if not database.exists() or not database.stat().st_mode & 0o077:
        return
    files = sorted(database.parent.glob(f"{database.name}*"))
    with suppress(sqlite3.Error), closing(sqlite3.connect(database)) as connection:
        parameters = connection.execute("SELECT CAST(parameters AS TEXT) FROM flow_run")
        if any(text and hide_secrets(text) != text for (text,) in parameters):
            for file in files:
                file.unlink(missing_ok=True)
    make_private(*files)


def _wait(process: subprocess.Popen[bytes], url: str, printed: Path, raise_if_stopped: Callable[[], None]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        raise_if_stopped()
        if process.poll() is not None:
            raise ServerEnded(
                f"the local Prefect server ended while it was starting (its files are in {printed.parent}); its log "
                f"ends with:\n{printed.read_text(errors='replace')[-2000:]}"
            )
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2):  # noqa: S310 - an address of this machine
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    tail = printed.read_text(errors="replace")[-2000:]
    raise RunStopped(f"the local Prefect server did not start within {START_SECONDS:.0f} s; its log ends with:\n{tail}")


def _fault(database: Path) -> str | None:
    """What is wrong with the server's database; None for nothing, or where there is none."""
    if not database.exists():
        return None
    if fault := fault_of_files(database):
        return fault
    try:
        with closing(sqlite3.connect(database)) as connection:
            said = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if said == "ok" else " ".join(str(said).split())


def _set_aside(database: Path, fault: str) -> None:
    """Rename the server's database, with what belongs to it, and say so."""
    for suffix in ("-wal", "-shm", ""):
        part = database.with_name(database.name + suffix)
        if part.exists():
            part.replace(database.with_name(f"{database.name}.damaged{suffix}"))
    log.warning(
        "%s: %s; it is kept as %s.damaged, and records of runs begin anew (results are in the ledger and are whole)",
        database, fault, database.name,
    )  # fmt: skip


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server. Nothing is lost: the ledger has every result."""
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(timeout=10)
