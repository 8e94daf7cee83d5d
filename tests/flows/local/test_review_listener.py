"""The listener pulls after every ring, and at intervals without one; a pull that fails does not end it."""

from __future__ import annotations

import asyncio
import http.client
import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from annotation.label_studio.access import new_access, write_access
from annotation.label_studio.webhook import HEADER, PATH, receiving
from flows.local.review_listener import Callbacks, Listener, follow
from schemas.errors import ConfigError
from tests.annotation.fixed_server import FixedServer
from tests.annotation.workspaces import make_workspace

SECRET = "5e" * 32


class Turns:
    """A `turn` function that takes time. `rung`: rings so far; `seen`: their number at the start of each call."""

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
    """Rings come at random moments, also during a turn; the last turn begins after the last ring."""
    dice = random.Random(seed)
    turns = Turns(lambda: dice.random() * 0.02)

    async def go() -> None:
        bell, stop = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(follow(turns, bell, stop, 3600, settle=0.001))
        for _ in range(100):
            turns.rung += 1
            bell.set()
            await asyncio.sleep(dice.choice((0, 0, 0.001, 0.01)))
        while turns.seen[-1:] != [100]:  # it hangs when a ring is lost, because only rings cause turns here
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
            await asyncio.to_thread(hundred, port)  # during the first turn
            assert (turns.rung, turns.seen) == (101, [1])
            turns.open.set()
            while len(turns.seen) < 2:
                await asyncio.sleep(0.001)
            stop.set()
            bell.set()
            await task

    asyncio.run(asyncio.wait_for(go(), 120))
    assert turns.seen == [1, 101]


def test_without_a_ring_there_are_turns_at_intervals_and_errors_are_raised() -> None:
    calls = list[bool]()

    def turn(rang: bool) -> None:
        calls.append(rang)
        if len(calls) == 3:
            raise ConfigError("enough")

    async def go() -> None:
        await follow(turn, asyncio.Event(), asyncio.Event(), 0.01, settle=3600)

    with pytest.raises(ConfigError, match="enough"):
        asyncio.run(asyncio.wait_for(go(), 60))
    assert calls == [False] * 3


@pytest.mark.slow
def test_a_failed_pull_is_reported_and_the_next_one_tries_again(tmp_path: Path) -> None:
    place, messages = make_workspace(tmp_path / "run", []), list[str]()
    listener = Listener(
        place, None, "Review of films", "http://127.0.0.1:1/x", SECRET, Callbacks(print, messages.append)
    )
    for body, words in {b"[]": "no Label Studio", b'{"release": "1.23.2"}': "not that of a Label Studio"}.items():
        with FixedServer(body) as url:
            write_access(place.root, new_access(url))
            with pytest.raises(ConfigError):
                listener.first()
            for rang in (True, False):
                listener.later(rang)
                assert words in messages.pop() and messages == []
    listener.end()
    assert messages == [], "nothing was registered, so nothing is removed"
