"""Runs a Label Studio server for one workspace: on 127.0.0.1, and only as long as this process lives.

WORKSPACE/review/label-studio/   its database (SQLite) and uploads
WORKSPACE/review/files/media/    what annotators may see; the server's document root is `files`
WORKSPACE/review/access.json     address, first user and token (mode 0600)
WORKSPACE/review/server.log      its output
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
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
from schemas.kit.local_process import end_with_parent, free_port

POSTGRES = "V2XUM_LABEL_STUDIO_POSTGRES"
PORT = 8080
# The first start creates the tables: 40 s on a quiet machine, minutes on a busy one.
START_SECONDS = 900.0
# The arrows select a keyframe; so do Label Studio's own keys, Ctrl and an arrow, which are all that other servers have.
# A list of several keys ends in an error at the next task: Label Studio cannot take such a list back.
KEYMAP = {
    "phrases:next-phrase": {"key": "down", "modifier": "ctrl"},
    "phrases:previous-phrase": {"key": "up", "modifier": "ctrl"},
}
_STOP_SECONDS = 15.0
_FOREIGN_SECONDS = 180.0
_LOG_BYTES = 50_000_000


class Running(NamedTuple):
    """A running server; `fresh`: its first user was made just now."""

    access: Access
    fresh: bool
    process: subprocess.Popen[bytes]


def document_root(workspace: Path) -> Path:
    """The folder that is Label Studio's root of local files; it holds nothing but `media`."""
    return workspace / "review" / "files"


@contextmanager
def serving(
    workspace: Path, port: int | None, report_progress: Callable[[str], None] = lambda _: None
) -> Iterator[Running]:
    """A running server of the pinned version for this workspace; leaving the context stops it.

    `port` None: the last used port, else 8080, else any free port. Raises ConfigError when a server already runs for
    this workspace or the port is taken; RunStopped, with the end of the server's log, when the server does not start.
    """
    folder = review_folder(workspace.resolve())
    lock = FileLock(folder / "server.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise ConfigError(f"{workspace}: its Label Studio server already runs; `v2xum review push` uses it") from error
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
    return last if _is_free(last) else free_port()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def environment(folder: Path, access: Access) -> dict[str, str]:
    """The server's environment variables: this process's, except those that could mislead it, and its settings.

    `folder`: WORKSPACE/review, in which the document root is made. Raises ConfigError when V2XUM_LABEL_STUDIO_POSTGRES
    is not the address of a database, or V2XUM_LABEL_STUDIO_WEBHOOKS is neither 1 nor 0.
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
        # Without this flag the import of a Repeater's predictions answers 201 and creates none of them.
        "fflag_fix_back_4620_memory_efficient_predictions_import_08012025_short": "true",
        # "3 of 12" in the corner of the screen counts open tasks; without it, "3 of 3" those that were opened.
        "fflag_fix_all_optic_79_task_count_is_wrong_short": "true",
        "EDITOR_KEYMAP": json.dumps(KEYMAP),
        "COLLECT_ANALYTICS": "false",
        "LATEST_VERSION_CHECK": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
    }
    excluded = ("LABEL_STUDIO_", "DJANGO_", "POSTGRE_", "V2XUM_", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(excluded)}
    return kept | ours | _database() | webhook_environment()


def _database() -> dict[str, str]:
    """Label Studio's variables for the database that V2XUM_LABEL_STUDIO_POSTGRES names; for SQLite when unset."""
    url = postgresql_address(POSTGRES)
    if url is None:
        return {"DJANGO_DB": "sqlite"}
    if url.query:
        raise ConfigError(
            f"{POSTGRES}: Label Studio takes no options in the address; set PostgreSQL's own variables (PGSSLMODE)"
        )
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
            start_new_session=True,  # Ctrl-C reaches only this process, which then stops the server
            preexec_fn=end_with_parent,
        )


def _wait(process: subprocess.Popen[bytes], access: Access, log: Path, report_progress: Callable[[str], None]) -> None:
    """Wait until the server accepts our token; a server that refuses it may be another one that took the port."""
    began = time.monotonic()
    healthy: float | None = None
    reported = False
    while (passed := time.monotonic() - began) < START_SECONDS and process.poll() is None:
        if healthy is None and _answers(f"{access.url}/health", ""):
            healthy = passed
        if healthy is not None:
            if _answers(f"{access.url}/api/current-user/whoami", access.token):
                return
            if passed - healthy > _FOREIGN_SECONDS:  # the server is ours: with its port taken it would have ended
                report_progress(
                    "the server does not accept the workspace's token: legacy tokens may be switched off, or the "
                    "database belongs to another workspace"
                )
                return
        time.sleep(0.3)
        if passed > 15 and not reported:
            reported = True
            report_progress("the server is starting; the first start takes a minute or two (it creates tables)")
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
    """End the server and the processes that it started, which form one process group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            process.wait(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        return
