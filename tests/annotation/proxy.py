"""A reverse proxy that refuses large requests, as proxies before real servers do."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})


class Proxy(ThreadingHTTPServer):
    """Forwards requests of at most `limit` bytes to `target`; `hurried`: it refuses larger ones before reading them."""

    daemon_threads = True

    def __init__(self, target: str, limit: int, hurried: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = str(urlsplit(target).netloc)
        self.limit, self.hurried = limit, hurried
        self.passed: list[int] = []
        self.refused: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def _forward(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        if size > self.server.limit:
            self.server.refused.append(size)
            self._refuse(size)
            return
        self.server.passed.append(size)
        upstream = http.client.HTTPConnection(self.server.target, timeout=120)
        try:
            upstream.request(self.command, self.path, self.rfile.read(size), dict(self.headers))
            answer = upstream.getresponse()
            body = answer.read()
        finally:
            upstream.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _refuse(self, size: int) -> None:
        page = b"<html><h1>413 Request Entity Too Large</h1></html>"
        if not self.server.hurried:
            self.rfile.read(size)
        self.send_response(413)
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(page)
        self.wfile.flush()
        if self.server.hurried:  # as nginx does: the rest of the request is read and thrown away
            self.rfile.read(size)

    do_GET = do_POST = do_PATCH = do_DELETE = _forward

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@contextmanager
def proxy(target: str, limit: int, *, hurried: bool) -> Iterator[Proxy]:
    with Proxy(target, limit, hurried) as running:
        thread = threading.Thread(target=running.serve_forever, name="proxy")
        thread.start()
        try:
            yield running
        finally:
            running.shutdown()
            thread.join()
