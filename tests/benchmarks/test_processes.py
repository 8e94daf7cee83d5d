"""Processes of benchmarks: memory of a fresh process, and servers that answer, end or never answer."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

from benchmarks.processes import answers_health, in_fresh_process, peak_memory
from schemas.kit.local_process import free_port

SERVER = """
import http.server, sys
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Health).serve_forever()
"""


def start(code: str, port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", code, str(port)], stderr=subprocess.DEVNULL)


def waited(code: str, seconds: float) -> bool:
    port = free_port()
    process = start(code, port)
    try:
        return answers_health(f"http://127.0.0.1:{port}", process, seconds)
    finally:
        process.kill()
        process.wait()


def test_a_server_that_answers_is_found() -> None:
    assert waited(SERVER, 60)


def test_a_server_that_ended_is_not_waited_for() -> None:
    assert not waited("", 60)


def test_a_server_that_does_not_answer_is_given_up() -> None:
    assert not waited("import time; time.sleep(60)", 0.5)


def allocate(megabytes: int, answer: Any) -> None:
    before = peak_memory()
    block = bytearray(b"x") * (megabytes << 20)
    answer.send({"mb": peak_memory() - before, "bytes": len(block)})


def test_peak_memory_of_a_fresh_process_grows_with_what_is_allocated() -> None:
    grown = in_fresh_process(allocate, 64)
    assert grown["bytes"] == 64 << 20 and 60 < grown["mb"] < 200
