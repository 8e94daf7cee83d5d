"""The doorbell, over real sockets: the right secret rings, nothing else does, and nobody can hold it up."""

from __future__ import annotations

import asyncio
import http.client
import ipaddress
import logging.config
import random
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.label_studio import webhook
from annotation.label_studio.access import Access, new_access, write_access
from annotation.label_studio.allowed_addresses import HOOK_HOST, REFUSED, WEBHOOKS, webhook_environment
from annotation.label_studio.server import environment
from annotation.label_studio.webhook import HEADER, PATH, receiving, webhook_secret
from annotation.label_studio.webhook_registration import hook_address
from flows.local.review_listener import Callbacks, Turns, follow
from schemas.errors import ConfigError
from tests.annotation.pull.test_pull import saying
from tests.annotation.workspaces import make_workspace

SECRET = "5e" * 32


class Bell:
    """A receiver that runs in a thread of its own, and how often it rang."""

    def __init__(self, port: int) -> None:
        self.port, self.rings = port, 0

    def ring(self) -> None:
        self.rings += 1

    def post(self, headers: dict[str, str] | None = None, path: str = PATH, method: str = "POST") -> int:
        address = f"http://127.0.0.1:{self.port}{path}"
        return httpx.request(method, address, headers=headers or {}, timeout=60).status_code

    def send(self, data: bytes, *, end: bool = False) -> bytes:
        """Send bytes as they are, `end` our side, and read all that comes back until the other side ends it."""
        with closing(socket.create_connection(("127.0.0.1", self.port), timeout=60)) as wire:
            try:
                wire.sendall(data)
                if end:
                    wire.shutdown(socket.SHUT_WR)
                answer = b""
                while part := wire.recv(65536):
                    answer += part
            except ConnectionError:  # it hung up on us
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


def test_only_posts_to_one_path_are_heard(bell: Bell) -> None:
    before, right = bell.rings, {HEADER: SECRET}
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"):
        assert bell.post(right, method=method) == 405
    for path in ("/", PATH + "/", "/v2xum", "/etc/passwd", f"{PATH}/../../x"):
        assert bell.post(right, path=path) == 404
    assert bell.rings == before


@given(data=st.binary(max_size=300), start=st.sampled_from([b"", b"POST ", head("x", 5), b"POST %s HTTP/1.1\r\n"]))
def test_garbage_never_rings_and_the_next_one_is_served(bell: Bell, data: bytes, start: bytes) -> None:
    before = bell.rings
    answer = bell.send(start + data, end=True)
    assert answer == b"" or answer.startswith(b"HTTP/1."), answer
    assert b"Traceback" not in answer and SECRET.encode() not in answer
    assert bell.rings == before
    assert bell.post({HEADER: SECRET}) == 204 and bell.rings == before + 1


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


def test_slow_clients_hold_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of them is closed before the good one is answered: they would have an hour."""
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


def test_slow_clients_are_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "SECONDS", 0.2)
    with running() as bell:
        for part in (b"", b"PO", head(SECRET, 10)[:-2]):
            assert bell.send(part) == b""
        assert bell.send(head(SECRET, 10) + b"x").startswith(b"HTTP/1.1 408")
        assert bell.rings == 0


def test_the_terminal_shows_nothing_of_it(
    bell: Bell, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("WARNING")
    logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})  # as Prefect does
    bell.send(b"\x16\x03\x01" * 50, end=True)
    bell.send(b"POST / HTTP/1.1\r\nHost: x\r\nno header\r\n\r\n", end=True)
    bell.send(head("wrong", 3) + b"abc")
    bell.send(head(SECRET, 10_000_000) + b"x" * 1000)
    assert capfd.readouterr() == ("", "") and caplog.records == []


def test_a_port_that_is_taken_is_told(bell: Bell) -> None:
    async def again() -> None:
        async with receiving("127.0.0.1", bell.port, SECRET, bell.ring):
            pass

    with pytest.raises(ConfigError, match="--port"):
        asyncio.run(again())


def test_the_secret_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    secret, path = webhook_secret(tmp_path), tmp_path / "review" / "webhook.secret"
    assert len(secret) == 64 and webhook_secret(tmp_path) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for torn in (secret[:20], "", "x\r\nHost: y", "\udcff"):
        path.write_text(torn, errors="surrogateescape")
        again = webhook_secret(tmp_path)
        assert len(again) == 64 and again != secret and stat.S_IMODE(path.stat().st_mode) == 0o600


class Turns:
    """Turns that take a while, and what had rung when each of them began."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self.rung, self.seen, self.busy, self.seconds = 0, list[int](), threading.Lock(), seconds
        self.open = threading.Event()
        self.open.set()

    def __call__(self, rang: bool) -> None:
        assert self.busy.acquire(blocking=False), "one at a time"
        self.seen.append(self.rung)
        threading.Event().wait(self.seconds())
        self.open.wait(60)
        self.busy.release()


@pytest.mark.parametrize("seed", range(5))
def test_after_the_last_ring_there_is_a_turn(seed: int) -> None:
    """Rings at random moments, also during a turn: the last turn began after the last of them."""
    dice = random.Random(seed)
    turns = Turns(lambda: dice.random() * 0.02)

    async def go() -> None:
        bell, stop = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(follow(turns, bell, stop, 3600, settle=0.001))
        for _ in range(100):
            turns.rung += 1
            bell.set()
            await asyncio.sleep(dice.choice((0, 0, 0.001, 0.01)))
        while turns.seen[-1:] != [100]:  # hangs where a ring is lost; nothing but rings brings turns here
            await asyncio.sleep(0.01)
        stop.set()
        bell.set()
        await task

    asyncio.run(asyncio.wait_for(go(), 60))
    assert len(turns.seen) <= 100, "no turn without a ring"


def test_a_hundred_hooks_in_a_burst_are_one_more_turn() -> None:
    turns = Turns(lambda: 0)

    async def go() -> None:
        bell, stop = asyncio.Event(), asyncio.Event()

        def ring() -> None:
            turns.rung += 1
            bell.set()

        def hundred(port: int) -> None:
            wire = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            for _ in range(100):
                wire.request("POST", PATH, b'{"action": "ANNOTATION_CREATED"}', {HEADER: SECRET})
                assert wire.getresponse().read() == b""
            wire.close()

        async with receiving("127.0.0.1", 0, SECRET, ring) as port:
            task = asyncio.create_task(follow(turns, bell, stop, 3600, settle=0.001))
            turns.open.clear()
            ring()
            while not turns.seen:
                await asyncio.sleep(0.001)
            await asyncio.to_thread(hundred, port)  # while the first turn is under way
            assert (turns.rung, turns.seen) == (101, [1])
            turns.open.set()
            while len(turns.seen) < 2:
                await asyncio.sleep(0.001)
            stop.set()
            bell.set()
            await task

    asyncio.run(asyncio.wait_for(go(), 120))
    assert turns.seen == [1, 101]


def test_without_a_ring_there_is_a_turn_now_and_then_and_errors_come_out() -> None:
    told = list[bool]()

    def turn(rang: bool) -> None:
        told.append(rang)
        if len(told) == 3:
            raise ConfigError("enough")

    async def go() -> None:
        await follow(turn, asyncio.Event(), asyncio.Event(), 0.01, settle=3600)

    with pytest.raises(ConfigError, match="enough"):
        asyncio.run(asyncio.wait_for(go(), 60))
    assert told == [False] * 3


def test_a_pull_that_fails_is_said_and_the_next_one_tries_again(tmp_path: Path) -> None:
    place, said = make_workspace(tmp_path / "run", []), list[str]()
    turns = Turns(place, None, "Review of films", "http://127.0.0.1:1/x", SECRET, Callbacks(print, said.append))
    for body, words in {b"[]": "no Label Studio", b'{"release": "1.23.2"}': "KeyError"}.items():
        with saying(body) as url:
            write_access(place.root, new_access(url))
            with pytest.raises((ConfigError, KeyError)):
                turns.first()
            for rang in (True, False):
                turns.later(rang)
                assert words in said.pop() and said == []
    turns.end()
    assert said == [], "nothing was registered, so nothing is taken back"


ADDRESSES = st.one_of(
    st.ip_addresses(v=4),
    st.ip_addresses(v=6),
    st.ip_addresses(network="127.0.0.0/8"),
    st.sampled_from([ipaddress.IPv4Address(HOOK_HOST) + step for step in (-1, 0, 1)]),
    st.sampled_from(REFUSED).flatmap(lambda network: st.ip_addresses(network=network)),
)


@given(address=ADDRESSES)
def test_our_label_studio_may_reach_one_address_more_than_by_itself(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(WEBHOOKS, "1")
        told = webhook_environment()
    ours = told["LABEL_STUDIO_USER_ADDITIONAL_BANNED_SUBNETS"].split(",")
    refused, before = ([address in ipaddress.ip_network(one) for one in nets] for nets in (ours, REFUSED))
    assert any(refused) == (any(before) and str(address) != HOOK_HOST)
    assert told["LABEL_STUDIO_SSRF_PROTECTION_ENABLED"] == "true"


def test_it_may_reach_it_only_where_that_was_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    access = new_access("http://127.0.0.1:8080")
    monkeypatch.setenv("USER_ADDITIONAL_BANNED_SUBNETS", "8.8.8.0/24")
    monkeypatch.setenv("LABEL_STUDIO_SSRF_PROTECTION_ENABLED", "false")
    for wish in ("", "0", "no"):
        monkeypatch.setenv(WEBHOOKS, wish)
        assert not [name for name in environment(tmp_path, access) if "SSRF" in name or "DEFAULT_BANNED" in name]
    monkeypatch.setenv(WEBHOOKS, "yes")
    told = environment(tmp_path, access)
    assert told["LABEL_STUDIO_USER_ADDITIONAL_BANNED_SUBNETS"].endswith(",8.8.8.0/24")
    monkeypatch.setenv(WEBHOOKS, "perhaps")
    with pytest.raises(ConfigError, match=WEBHOOKS):
        environment(tmp_path, access)


def test_where_to_listen_and_what_others_call_it() -> None:
    here, there = Access(url="http://localhost:8080", token="x"), Access(url="https://labels.example.org", token="x")
    assert hook_address(here, None) == (HOOK_HOST, None)
    assert ipaddress.ip_address(HOOK_HOST).is_loopback
    assert hook_address(there, "https://hooks.example.org/a/") == ("127.0.0.1", "https://hooks.example.org/a")
    with pytest.raises(ConfigError, match="--host-url"):
        hook_address(there, None)
    for wrong in ("hooks.example.org", "ftp://x", "https://", "https://u:p@x", "https://x?a", "http://[", "http://x:x"):
        with pytest.raises(ConfigError, match="--host-url"):
            hook_address(here, wrong)
