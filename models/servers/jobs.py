"""The calls of a dispatcher and their jobs: a call is the requests of one thread, a job is one of these requests."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from queue import SimpleQueue
from typing import Literal

from models.chat import Reply, Request
from models.servers.server import Server

Place = Literal["queued", "in_flight"]
"""Where a job is: it waits for its turn, or a server has it."""


class Job:
    """One request of a call, and its attempts so far."""

    __slots__ = ("attempts", "avoid", "call", "losses", "number", "own", "place", "position", "request", "task",
                 "timer", "urls", "waits_to_start")  # fmt: skip

    def __init__(self, call: Call, position: int, request: Request, urls: Sequence[str]) -> None:
        """`urls` are the addresses of the request's pictures; none where they are part of the request."""
        self.call, self.position, self.request, self.urls = call, position, request, urls
        self.number = 0
        self.attempts = self.losses = 0
        self.own: list[tuple[Server, float]] = []  # errors inside a server: which server, and when the request was sent
        self.avoid: Server | None = None
        self.place: Place | None = None
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.waits_to_start: Server | None = None


class Call:
    """The requests of one thread. It waits at `inbox` for each reply, or for the error that ends the call."""

    def __init__(self, requests: Sequence[Request], urls: Sequence[Sequence[str]]) -> None:
        """`urls[i]` are the addresses of the pictures of request i; none where they are part of the request."""
        self.inbox: SimpleQueue[tuple[int, Reply] | BaseException] = SimpleQueue()
        self.jobs = [Job(self, i, request, own) for i, (request, own) in enumerate(zip(requests, urls, strict=True))]
        self.left = len(self.jobs)
