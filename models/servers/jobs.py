"""What the dispatcher handles: jobs, calls, and places at a server."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from queue import SimpleQueue
from typing import Literal

from models.chat import Reply, Request
from models.servers.server import Server

Place = Literal["queued", "in_flight"]


class Job:
    """One request of a call, and what happened to it so far."""

    __slots__ = ("attempts", "avoid", "call", "losses", "number", "own", "place", "position", "request", "task",
                 "timer", "url", "waits_to_start")  # fmt: skip

    def __init__(self, call: Call, position: int, request: Request, url: str | None) -> None:
        """`url` names the request's picture when it is not sent along."""
        self.call, self.position, self.request, self.url = call, position, request, url
        self.number = 0
        self.attempts = self.losses = 0
        self.own: list[tuple[Server, float]] = []  # errors inside a server: where, and when it was sent
        self.avoid: Server | None = None
        self.place: Place | None = None
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.waits_to_start: Server | None = None


class Call:
    """Requests of one thread, which waits at `inbox` for each reply, or for the error that ends the call."""

    def __init__(self, requests: Sequence[Request], urls: Sequence[str | None]) -> None:
        """`urls[i]`: where picture i lies, None when it is sent along."""
        self.inbox: SimpleQueue[tuple[int, Reply] | BaseException] = SimpleQueue()
        self.jobs = [Job(self, i, request, url) for i, (request, url) in enumerate(zip(requests, urls, strict=True))]
        self.left = len(self.jobs)
