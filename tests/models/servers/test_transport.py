"""The transport: bounded bodies, one limit for the whole request, faults told apart, no redirect, no leaked key."""

from __future__ import annotations

import asyncio
import http.server
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest
from aiohttp import web

from models.servers.failures import Fault, RequestFailed
from models.servers.transport import LONGEST_REPLY, Transport, proxy_of
from tests.models.odd_server import odd_server

KEY = "sk-very-secret-123"
Act = Callable[[web.Request], Awaitable[web.StreamResponse]]


def post(act: Act, *, key: str | None = None, seconds: float = 20.0, **options: Any) -> bytes | Fault:
    """The body that the server's answer has for the transport, or the fault."""

    async def sent(url: str) -> bytes | Fault:
        transport = Transport(key)
        try:
            return await transport.post(f"{url}/chat/completions", b'{"a": 1}', seconds, **options)
        except RequestFailed as error:
            return error.fault
        finally:
            await transport.close()

    async def chat(request: web.Request, _document: dict[str, Any]) -> web.StreamResponse:
        return await act(request)

    with odd_server(chat) as url:
        return asyncio.run(sent(url))


def whole(body: bytes) -> Act:
    async def act(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=body)

    return act


def in_parts(part: bytes, count: int, pause: float = 0.0, sent: list[int] | None = None) -> Act:
    """An answer without a length, in parts."""

    async def act(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        with suppress(ConnectionError):
            for number in range(count):
                await response.write(part)
                await asyncio.sleep(pause)
                if sent is not None:
                    sent.append(number)
        return response

    return act


@pytest.mark.parametrize("size", [0, 1, 70_000, LONGEST_REPLY])
def test_a_body_within_the_limit_arrives_whole(size: int) -> None:
    body = bytes(i % 251 for i in range(size))
    assert post(whole(body)) == body
    assert post(in_parts(body[:70_000], 3)) == body[:70_000] * 3


def test_of_a_longer_body_no_more_than_the_limit_is_read() -> None:
    fault = Fault("bad_response", f"a reply of more than {LONGEST_REPLY} bytes")
    assert post(whole(b"a" * (LONGEST_REPLY + 1))) == fault
    sent: list[int] = []
    assert post(in_parts(b"a" * 2**20, 100, 0.001, sent)) == fault
    assert len(sent) < 20
    assert post(whole(b"abcde"), longest=4) == Fault("bad_response", "a reply of more than 4 bytes")


def test_the_time_is_that_of_the_whole_request() -> None:
    assert post(in_parts(b"a", 100, 0.1), seconds=0.5) == Fault("timeout", "no complete reply within 0.5 s")


def test_a_lost_connection_is_no_time_out() -> None:
    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b"a" * 50)
        assert request.transport is not None
        request.transport.abort()
        return response

    for act in (hang_up, half):
        fault = post(act)
        assert isinstance(fault, Fault) and fault.kind == "connection" and fault.reached


def test_no_connection_is_a_request_that_reached_nobody() -> None:
    async def sent() -> Fault:
        transport = Transport(None)
        try:
            with pytest.raises(RequestFailed) as caught:
                await transport.get("http://127.0.0.1:9/v1/models", 5)
            return caught.value.fault
        finally:
            await transport.close()

    fault = asyncio.run(sent())
    assert fault.kind == "connection" and not fault.reached and fault.reason.startswith("cannot connect: ")


def test_what_is_no_http_is_a_bad_response() -> None:
    async def act(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")  # type: ignore[attr-defined]
        return web.Response()

    fault = post(act)
    assert isinstance(fault, Fault) and fault.kind == "bad_response"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    seen: list[str] = []

    async def act(request: web.Request) -> web.StreamResponse:
        seen.append(request.path)
        return web.Response(status=status, headers={"Location": "/v1/chat/completions?again"})

    fault = post(act, key=KEY)
    assert isinstance(fault, Fault) and (fault.kind, fault.status) == ("bad_response", status) and len(seen) == 1


def test_the_key_is_sent_and_never_told() -> None:
    seen: list[dict[str, str]] = []

    async def act(request: web.Request) -> web.StreamResponse:
        seen.append({name.lower(): value for name, value in request.headers.items()})
        message = f"you sent {request.headers.get('Authorization')}"
        return web.json_response({"error": {"message": message}}, status=400)

    fault = post(act, key=KEY, request_id="v2x1")
    assert isinstance(fault, Fault) and fault.reason == "HTTP 400: you sent Bearer ***"
    assert seen[0]["authorization"] == f"Bearer {KEY}" and seen[0]["x-request-id"] == "v2x1"
    post(act)
    assert "authorization" not in seen[1]
    assert set(seen[1]) == {"host", "accept", "accept-encoding", "user-agent", "content-type", "content-length"}


def test_retry_after_is_read_where_a_retry_makes_sense() -> None:
    async def act(request: web.Request) -> web.StreamResponse:
        return web.Response(status=503, text="busy", headers={"Retry-After": "7"})

    assert post(act) == Fault("server_error", "HTTP 503: busy", 503, 7.0)


def test_a_proxy_is_used_for_other_machines_only(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "models.example.net")
    proxy_of.cache_clear()
    try:
        for here in ("http://127.0.0.1:8000/v1", "http://localhost/v1", "http://a.localhost/v1", "http://[::1]:1/v1"):
            assert proxy_of(here) is None
        assert proxy_of("http://models.example.org/v1") == "http://127.0.0.1:9"
        assert proxy_of("https://10.0.0.7:8000/v1") == "http://127.0.0.1:9"
        assert proxy_of("https://models.example.net/v1") is None
    finally:
        proxy_of.cache_clear()


def test_a_server_without_tls_at_an_https_address_is_told_as_such() -> None:
    async def sent(url: str) -> Fault:
        transport = Transport(None)
        try:
            with pytest.raises(RequestFailed) as caught:
                await transport.get(url.replace("http:", "https:"), 20.0)
        finally:
            await transport.close()
        return caught.value.fault

    async def chat(_request: web.Request, _document: dict[str, Any]) -> web.StreamResponse:
        return web.Response()

    with odd_server(chat) as url:
        fault = asyncio.run(sent(url))
    assert fault.kind == "connection" and not fault.reached and "SSL" in fault.reason


class _Locked(http.server.BaseHTTPRequestHandler):
    """A proxy that lets nobody through."""

    def do_GET(self) -> None:
        self.send_error(407)

    do_CONNECT = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("proxy", ["http://me:secret-word@127.0.0.1:{port}", "me:secret-word@127.0.0.1:{port}"])
def test_a_proxy_that_lets_nobody_through_is_told_without_its_password(
    monkeypatch: pytest.MonkeyPatch, scheme: str, proxy: str
) -> None:
    async def sent() -> Fault:
        transport = Transport(KEY)
        try:
            with pytest.raises(RequestFailed) as caught:
                await transport.get(f"{scheme}://models.example.invalid/v1/models", 20.0)
        finally:
            await transport.close()
        return caught.value.fault

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Locked) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy.format(port=server.server_port))
        proxy_of.cache_clear()
        try:
            fault = asyncio.run(sent())
        finally:
            proxy_of.cache_clear()
            server.shutdown()
    assert fault.kind == "connection" and fault.status is None and not fault.reached and "proxy" in fault.reason
    assert "secret-word" not in str(fault)


@pytest.mark.slow
def test_the_engine_loads_no_other_client() -> None:
    script = (
        "import sys, models.servers.chat_model, models.servers.checks; "
        "print([name for name in ('openai', 'httpx', 'httpx2', 'requests') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "[]\n"
