"""A server that speaks S3 on 127.0.0.1 (moto's), and the faults that it makes when a test asks for them."""

from __future__ import annotations

import itertools
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Literal, NamedTuple

import pytest

# busy: 503 SlowDown. forbidden: 403. reset: the connection ends in the middle of the request. cut: it ends in the
# middle of the answer. slow: each piece of the answer comes late. wrong: a byte of the answer is another one. spoilt: a
# byte of what is sent is another one when it is stored.
Kind = Literal["busy", "forbidden", "reset", "cut", "slow", "wrong", "spoilt"]
_ERROR = b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>by plan</Message></Error>'
_NUMBERS = itertools.count()


class _Fault(NamedTuple):
    kind: Kind
    method: str
    path: str


class Faults:
    """What goes wrong next; each fault happens once. `seen` counts the requests by method."""

    def __init__(self) -> None:
        self._planned: list[_Fault] = []
        self._lock = threading.Lock()
        self.seen: dict[str, int] = {}

    def plan(self, kind: Kind, method: str, times: int = 1, path: str = "") -> None:
        """Let the next `times` requests with this method, whose address has `path` in it, go wrong."""
        with self._lock:
            self._planned += [_Fault(kind, method, path)] * times

    def take(self, method: str, path: str) -> Kind | None:
        with self._lock:
            self.seen[method] = self.seen.get(method, 0) + 1
            for fault in self._planned:
                if fault.method == method and fault.path in path:
                    self._planned.remove(fault)
                    return fault.kind
        return None

    def left(self) -> int:
        """How many planned faults did not happen; forgets them."""
        with self._lock:
            left, self._planned = len(self._planned), []
        return left


class S3(NamedTuple):
    """A running server: its address, its faults, and buckets of it."""

    url: str
    faults: Faults

    def bucket(self) -> str:
        """Make a bucket; returns `s3://NAME`."""
        name = f"films-{next(_NUMBERS)}"
        client(self.url).create_bucket(Bucket=name)
        return f"s3://{name}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which a client finds the server."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "the-key-of-the-tests",
            "AWS_SECRET_ACCESS_KEY": "the-secret-of-the-tests",
            "AWS_DEFAULT_REGION": "us-east-1",
        }


def client(url: str) -> Any:
    """A client of botocore, beside what is tested."""
    import botocore.session

    return botocore.session.get_session().create_client(
        "s3", "us-east-1", endpoint_url=url, aws_access_key_id="k", aws_secret_access_key="s"
    )


@contextmanager
def serve() -> Iterator[S3]:
    """Run a server until the block ends."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    faults = Faults()
    application = _Faulty(DomainDispatcherApplication(create_backend_app), faults)
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=MotoRequestHandler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield S3(f"http://127.0.0.1:{server.server_port}", faults)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3]:
    """The server that all tests of a worker share; each test has a bucket of its own."""
    with serve() as server:
        yield server


@pytest.fixture
def s3(s3_server: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    """The server, with the environment that finds it; at the end every planned fault has happened."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    s3_server.faults.seen.clear()
    yield s3_server
    assert s3_server.faults.left() == 0


class _Faulty:
    """WSGI around the application of moto."""

    def __init__(self, application: Callable[..., Iterable[bytes]], faults: Faults) -> None:
        self._application, self._faults = application, faults

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        kind = self._faults.take(environ["REQUEST_METHOD"], environ["PATH_INFO"])
        if kind in ("busy", "forbidden"):
            status, code = ("503 Slow Down", b"SlowDown") if kind == "busy" else ("403 Forbidden", b"AccessDenied")
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start_response(status, [("Content-Type", "application/xml")])
            return [_ERROR % code]
        if kind == "reset":
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0) // 2)
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionResetError("by plan")
        if kind == "spoilt":
            environ["wsgi.input"] = BytesIO(_other(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))))
        body = b"".join(self._application(environ, start_response))
        if kind == "wrong":
            body = _other(body)
        if kind == "cut":
            return _cut(body, environ["werkzeug.socket"])
        return _slowly(body) if kind == "slow" else [body]


def _other(body: bytes) -> bytes:
    middle = len(body) // 2
    return body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :]


def _cut(body: bytes, connection: socket.socket) -> Iterator[bytes]:
    yield body[: len(body) // 2]
    connection.shutdown(socket.SHUT_RDWR)
    raise ConnectionResetError("by plan")


def _slowly(body: bytes) -> Iterator[bytes]:
    step = max(1, len(body) // 4)
    for start in range(0, len(body), step):
        time.sleep(0.05)
        yield body[start : start + step]
