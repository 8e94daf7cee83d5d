"""A reverse proxy that refuses large requests, as proxies before real servers do. A test can act between requests."""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})


class Proxy(ThreadingHTTPServer):
    """Forwards requests of at most `limit` bytes to `target`; `hurried`: it refuses larger ones before reading them.

    `on_request` is called with method and path before a request is forwarded, `on_answer` before its answer is;
    `ahead`: by how much the clock in the answers is ahead of the server's; `longest_page`: at most so many rows are
    asked for at once, as a server with TASK_API_PAGE_SIZE_MAX does (0: as many as the client asks for).
    """

    daemon_threads = True

    def __init__(self, target: str, limit: int, hurried: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = str(urlsplit(target).netloc)
        self.limit, self.hurried = limit, hurried
        self.passed: list[int] = []
        self.refused: list[int] = []
        self.on_request: Callable[[str, str], None] = lambda method, path: None
        self.on_answer: Callable[[str, str], None] = lambda method, path: None
        self.ahead = timedelta()
        self.longest_page = 0

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
        self.server.on_request(self.command, self.path)
        upstream = http.client.HTTPConnection(self.server.target, timeout=120)
        try:
            path = self.path
            if longest := self.server.longest_page:
                path = re.sub(r"page_size=(\d+)", lambda size: f"page_size={min(longest, int(size[1]))}", path)
            upstream.request(self.command, path, self.rfile.read(size), dict(self.headers))
            answer = upstream.getresponse()
            body = answer.read()
        finally:
            upstream.close()
        self.server.on_answer(self.command, self.path)
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            if name.lower() == "date":
                value = format_datetime(parsedate_to_datetime(value) + self.server.ahead, usegmt=True)
            if name.lower() not in _HOP:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        with suppress(ConnectionError):  # the client may have been killed meanwhile
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
def proxy(target: str, limit: int = 10**9, *, hurried: bool = False) -> Iterator[Proxy]:
    with Proxy(target, limit, hurried) as running:
        thread = threading.Thread(target=running.serve_forever, name="proxy")
        thread.start()
        try:
            yield running
        finally:
            running.shutdown()
            thread.join()
