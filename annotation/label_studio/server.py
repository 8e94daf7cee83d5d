"""A Label Studio server for one workspace: on 127.0.0.1, its data under WORKSPACE/review, ended with us.

WORKSPACE/review/label-studio/   its database (SQLite) and uploads
WORKSPACE/review/files/media/    what annotators may see; the server's document root is `files`
WORKSPACE/review/access.json     address, first user and token (mode 0600)
WORKSPACE/review/server.log      what it said
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from annotation.label_studio.access import Access, new_access, read_access, review_folder, write_access
from annotation.label_studio.allowed_addresses import webhook_environment
from annotation.label_studio.environment import ensure_environment
from curation.ledger.databases import postgresql_address
from schemas.errors import ConfigError, RunStopped

POSTGRES = "V2XUM_LABEL_STUDIO_POSTGRES"
PORT = 8080
# The first start writes its tables: 40 s on a quiet machine, minutes on a loaded one.
START_SECONDS = 900.0
_STOP_SECONDS = 15.0
_FOREIGN_SECONDS = 180.0
_LOG_BYTES = 50_000_000


class Running(NamedTuple):
    """A server that answers; `fresh` when its first user was made just now."""

    access: Access
    fresh: bool
    process: subprocess.Popen[bytes]


def document_root(workspace: Path) -> Path:
    """What Label Studio takes for the root of local files; nothing lies in it but `media`."""
    return workspace / "review" / "files"


@contextmanager
def serving(
    workspace: Path, port: int | None, report_progress: Callable[[str], None] = lambda _: None
) -> Iterator[Running]:
    """A running server of the pinned version for this workspace; it is stopped when the context is left.

    `port` None: the one that was used last, else 8080, else any free one. Raises ConfigError when a server runs for
    this workspace already or the port is taken, RunStopped when none comes up, with the end of its log.
    """
    folder = review_folder(workspace.resolve())
    lock = FileLock(folder / "server.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise ConfigError(f"{workspace}: its Label Studio server runs already; `v2xum review push` finds it") from error
    try:
        command = ensure_environment(report_progress)
        known = read_access(workspace)
        address = f"http://127.0.0.1:{_port(port, known)}"
        access = new_access(address) if known is None else known.model_copy(update={"url": address})
        write_access(workspace, access)
        process = _start(command, folder, access)
        try:
            _wait(process, access, folder / "server.log", report_progress)
            yield Running(access, known is None, process)
        finally:
            _stop(process)
    finally:
        lock.release()


def _port(port: int | None, known: Access | None) -> int:
    if port is not None:
        if not _is_free(port):
            raise ConfigError(f"port {port} is taken; give another --port")
        return port
    last = (urlsplit(known.url).port if known is not None else None) or PORT
    return last if _is_free(last) else _free_port()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(folder: Path, access: Access) -> dict[str, str]:
    """What the server is told by its environment.

    Raises ConfigError for an address of a database that is none, and for a wish for webhooks that is neither 1 nor 0.
    """
    root = folder / "files"
    (root / "media").mkdir(parents=True, exist_ok=True)
    ours = {
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder / "label-studio"),
        "LABEL_STUDIO_USERNAME": access.username,
        "LABEL_STUDIO_PASSWORD": access.password,
        "LABEL_STUDIO_USER_TOKEN": access.token,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(root),
        # A Repeater's predictions are imported by no other way: without it the answer is 201 and none was created.
        "fflag_fix_back_4620_memory_efficient_predictions_import_08012025_short": "true",
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
    }
    strangers = ("LABEL_STUDIO_", "DJANGO_", "POSTGRE_", "V2XUM_", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(strangers)}
    return kept | ours | _database() | webhook_environment()


def _database() -> dict[str, str]:
    """Label Studio's own variables for the database that V2XUM_LABEL_STUDIO_POSTGRES names, or for SQLite."""
    url = postgresql_address(POSTGRES)
    if url is None:
        return {"DJANGO_DB": "sqlite"}
    if url.query:
        raise ConfigError(f"{POSTGRES}: Label Studio takes no options there; PostgreSQL's own variables do (PGSSLMODE)")
    return {
        "DJANGO_DB": "default",
        "POSTGRE_NAME": url.database or "",
        "POSTGRE_USER": url.username or "",
        "POSTGRE_PASSWORD": str(url.password or ""),
        "POSTGRE_HOST": url.host or "",
        "POSTGRE_PORT": str(url.port or 5432),
    }


def _start(command: Path, folder: Path, access: Access) -> subprocess.Popen[bytes]:
    log = folder / "server.log"
    if log.exists() and log.stat().st_size > _LOG_BYTES:
        log.replace(folder / "server.log.1")
    port = str(urlsplit(access.url).port)
    arguments = ["start", "--no-browser", "--internal-host", "127.0.0.1", "-p", port, "--host", access.url]
    arguments += ["--data-dir", str(folder / "label-studio"), "--log-level", "WARNING"]
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as stream:
        return subprocess.Popen(
            [str(command), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=environment(folder, access),
            cwd=folder,
            start_new_session=True,  # Ctrl-C is for us, who then stop the server
            preexec_fn=_die_with_parent,
        )


def _wait(process: subprocess.Popen[bytes], access: Access, log: Path, report_progress: Callable[[str], None]) -> None:
    """Until the server answers and knows our token: before, it may be another one that took the port meanwhile."""
    began = time.monotonic()
    healthy: float | None = None
    told = False
    while (passed := time.monotonic() - began) < START_SECONDS and process.poll() is None:
        if healthy is None and _answers(f"{access.url}/health", ""):
            healthy = passed
        if healthy is not None:
            if _answers(f"{access.url}/api/current-user/whoami", access.token):
                return
            if passed - healthy > _FOREIGN_SECONDS:  # ours for sure: another one's port would have ended it
                report_progress(
                    "the server does not accept the workspace's token: legacy tokens may be switched off there, or its "
                    "database belongs to another workspace"
                )
                return
        time.sleep(0.3)
        if passed > 15 and not told:
            told = True
            report_progress("the server is starting; the first time takes a minute or two, since it writes its tables")
    tail = log.read_text(errors="replace")[-2000:]
    raise RunStopped(f"Label Studio did not start; {log} ends with:\n{tail}")


def _answers(url: str, token: str) -> bool:
    headers = {"Authorization": f"Token {token}"} if token else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=5):  # noqa: S310 - loopback
            return True
    except (urllib.error.URLError, OSError):
        return False


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the server and what it started, all of one group that is ours."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        return


def _die_with_parent() -> None:
    """On Linux, have the kernel end the server when we die, even by kill -9."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
