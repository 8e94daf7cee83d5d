"""The webhook receiver over real sockets: only the right secret rings, and no client can block the others."""

from __future__ import annotations

import asyncio
import logging
import logging.config
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.label_studio import webhook
from annotation.label_studio.webhook import HEADER, PATH, receiving, webhook_secret
from schemas.errors import ConfigError

SECRET = "5e" * 32


class Bell:
    """A running receiver. `rings`: how often it rang."""

    def __init__(self, port: int) -> None:
        self.port, self.rings = port, 0

    def ring(self) -> None:
        self.rings += 1

    def post(self, headers: dict[str, str] | None = None, path: str = PATH, method: str = "POST") -> int:
        address = f"http://127.0.0.1:{self.port}{path}"
        return httpx.request(method, address, headers=headers or {}, timeout=60).status_code

    def send(self, data: bytes, *, end: bool = False) -> bytes:
        """Send raw bytes and read the answer until the receiver closes; `end`: close our side after sending."""
        with closing(socket.create_connection(("127.0.0.1", self.port), timeout=60)) as wire:
            try:
                wire.sendall(data)
                if end:
                    wire.shutdown(socket.SHUT_WR)
                answer = b""
                while part := wire.recv(65536):
                    answer += part
            except ConnectionError:  # the receiver closed the connection
                return b""
            return answer


@contextmanager
def running() -> Iterator[Bell]:
    bell, ready, loops = Bell(0), threading.Event(), []

    async def serve() -> None:
        end = asyncio.Event()
        async with receiving("127.0.0.1", 0, SECRET, bell.ring) as bell.port:
            loops.append((asyncio.get_running_loop(), end))
            ready.set()
            await end.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(60)
        yield bell
    finally:
        loop, end = loops[0]
        loop.call_soon_threadsafe(end.set)
        thread.join()


@pytest.fixture(scope="module")
def bell() -> Iterator[Bell]:
    with running() as found:
        yield found


def head(secret: str, length: int, method: str = "POST") -> bytes:
    return f"{method} {PATH} HTTP/1.1\r\nHost: x\r\n{HEADER}: {secret}\r\nContent-Length: {length}\r\n\r\n".encode()


def test_the_right_secret_rings_and_a_wrong_one_does_not(bell: Bell) -> None:
    before = bell.rings
    assert bell.post({HEADER: SECRET}) == 204 and bell.rings == before + 1
    for wrong in ("", SECRET[:-1], SECRET + "0", SECRET.upper(), "é" * 64):
        found = httpx.post(f"http://127.0.0.1:{bell.port}{PATH}", headers={HEADER: wrong.encode("latin-1")}, timeout=60)
        assert found.status_code == 403 and SECRET not in found.text
    assert bell.post() == 403
    assert bell.post({"Authorization": f"Token {SECRET}"}) == 403
    assert bell.rings == before + 1


def test_only_posts_to_one_path_ring(bell: Bell) -> None:
    before, right = bell.rings, {HEADER: SECRET}
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"):
        assert bell.post(right, method=method) == 405
    for path in ("/", PATH + "/", "/v2xum", "/etc/passwd", f"{PATH}/../../x"):
        assert bell.post(right, path=path) == 404
    assert bell.rings == before


@pytest.mark.slow
@given(data=st.binary(max_size=300), start=st.sampled_from([b"", b"POST ", head("x", 5), b"POST %s HTTP/1.1\r\n"]))
def test_garbage_never_rings_and_the_next_one_is_served(bell: Bell, data: bytes, start: bytes) -> None:
    before = bell.rings
    answer = bell.send(start + data, end=True)
    assert answer == b"" or answer.startswith(b"HTTP/1."), answer
    assert b"Traceback" not in answer and SECRET.encode() not in answer
    assert bell.rings == before
    assert bell.post({HEADER: SECRET}) == 204 and bell.rings == before + 1


@pytest.mark.slow
def test_a_body_that_is_too_large_is_refused(bell: Bell) -> None:
    before, most = bell.rings, webhook.BODY_BYTES
    assert bell.send(head(SECRET, most) + b"x" * most).startswith(b"HTTP/1.1 204")
    assert bell.send(head(SECRET, most + 1) + b"x" * (most + 1)).startswith(b"HTTP/1.1 413")
    assert bell.send(head(SECRET, 10**12)).startswith(b"HTTP/1.1 413")
    pieces = b"".join(b"1000\r\n" + b"x" * 0x1000 + b"\r\n" for _ in range(most // 0x1000 + 1))
    chunked = head(SECRET, 0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    assert bell.send(chunked + pieces + b"0\r\n\r\n").startswith(b"HTTP/1.1 413")
    for long in (b"a: " + b"x" * 10_000, b"\r\n".join(b"a%d: b" % n for n in range(1000))):
        found = bell.send(head(SECRET, 0)[:-2] + long + b"\r\n\r\n")
        assert found[9:12] in (b"400", b"431", b""), found
    assert bell.rings == before + 1


def test_a_body_that_was_announced_and_cut_off_does_not_ring(bell: Bell) -> None:
    before = bell.rings
    bell.send(head(SECRET, 100) + b"x" * 50, end=True)
    assert bell.post({HEADER: SECRET}) == 204 and bell.rings == before + 1


def test_slow_clients_do_not_block_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """No slow connection is closed before the good request is answered: each may take an hour."""
    monkeypatch.setattr(webhook, "SECONDS", 3600.0)
    with running() as bell:
        parts = (b"", b"PO", head(SECRET, 10)[:-2], head(SECRET, 10), head(SECRET, 10) + b"x")
        slow = [socket.create_connection(("127.0.0.1", bell.port), timeout=60) for _ in range(50)]
        for number, wire in enumerate(slow):
            wire.sendall(parts[number % len(parts)])
        assert bell.post({HEADER: SECRET}) == 204 and bell.rings == 1
        for wire in slow:
            wire.setblocking(False)
            with pytest.raises(BlockingIOError):
                wire.recv(1)
            wire.close()


@pytest.mark.slow
def test_slow_clients_are_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "SECONDS", 0.2)
    with running() as bell:
        for part in (b"", b"PO", head(SECRET, 10)[:-2]):
            assert bell.send(part) == b""
        assert bell.send(head(SECRET, 10) + b"x").startswith(b"HTTP/1.1 408")
        assert bell.rings == 0


@pytest.mark.slow
def test_hostile_requests_print_nothing(
    bell: Bell,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level("WARNING")
    # `dictConfig` closes every handler that is listed here.
    monkeypatch.setattr(logging, "_handlerList", [])
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})  # as Prefect does
    bell.send(b"\x16\x03\x01" * 50, end=True)
    bell.send(b"POST / HTTP/1.1\r\nHost: x\r\nno header\r\n\r\n", end=True)
    bell.send(head("wrong", 3) + b"abc")
    bell.send(head(SECRET, 10_000_000) + b"x" * 1000)
    assert capfd.readouterr() == ("", "") and caplog.records == []


def test_a_taken_port_is_an_error(bell: Bell) -> None:
    async def again() -> None:
        async with receiving("127.0.0.1", bell.port, SECRET, bell.ring):
            pass

    with pytest.raises(ConfigError, match="--port"):
        asyncio.run(again())


def test_only_the_owner_can_read_the_secret(tmp_path: Path) -> None:
    secret, path = webhook_secret(tmp_path), tmp_path / "review" / "webhook.secret"
    assert len(secret) == 64 and webhook_secret(tmp_path) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for torn in (secret[:20], "", "x\r\nHost: y", "\udcff"):
        path.write_text(torn, errors="surrogateescape")
        again = webhook_secret(tmp_path)
        assert len(again) == 64 and again != secret and stat.S_IMODE(path.stat().st_mode) == 0o600
