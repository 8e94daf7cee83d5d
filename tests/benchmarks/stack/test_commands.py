"""What a stack listens on, and that a forward carries a connection through a socket of the file system, both ways."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from benchmarks.stack.commands import forwards, prefect_environment, worker_environment
from benchmarks.stack.parts import Parts, answers
from schemas.kit.local_process import free_port
from schemas.repository import ROOT


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_this_machine_listens_on_its_loopback_address_only_and_the_head_on_sockets() -> None:
    there, here = forwards(Path("/closed"), (4200, 8080), ["10.77.0.1:8000"])
    assert here == ["127.0.0.1:4200", "/closed/4200", "127.0.0.1:8080", "/closed/8080"]
    assert there[::2] == ["/closed/4200", "/closed/8080", "/closed/8000"]
    assert there[1::2] == ["127.0.0.1:4200", "127.0.0.1:8080", "10.77.0.1:8000"]


def test_a_connection_comes_through(tmp_path: Path) -> None:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    program = [sys.executable, "-m", "benchmarks.nodes.forward"]
    life = {**os.environ, "PYTHONPATH": str(ROOT)}
    try:
        with tempfile.TemporaryDirectory() as folder, Parts(tmp_path / "logs") as parts:
            socket = Path(folder) / "s"  # its path may have 107 characters
            parts.begin("here", [*program, f"127.0.0.1:{port}", socket], life)
            parts.wait()
            assert not answers(url)()  # nobody is behind it yet
            parts.begin("there", [*program, socket, f"127.0.0.1:{server.server_port}"], life, answers(url), 60)
            parts.wait()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert not answers(url)()


def test_prefect_is_closed_to_whom_has_no_password(tmp_path: Path) -> None:
    told = prefect_environment("http://127.0.0.1:4200/api", "u:p", "postgresql+asyncpg://x", tmp_path)
    asked = worker_environment("http://127.0.0.1:4200/api", "u:p", tmp_path)
    assert told["PREFECT_SERVER_API_AUTH_STRING"] == asked["PREFECT_API_AUTH_STRING"] == "u:p"
    assert told["DO_NOT_TRACK"] == asked["DO_NOT_TRACK"] == "1" and told["PREFECT_SERVER_ANALYTICS_ENABLED"] == "false"
