"""The fleet: all servers of one model, which of them are up, and which gets the next request.

A server whose connection fails is checked at once. When the check fails too, the server is gone: no request is sent
there, and it is probed until it is back and serves the right model. While no server is up the run is paused; after the
configured patience it is given up.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from models.meter import Meter
from models.servers.server import Problem, Server, time_of_day
from schemas.configuration.model_config import ServerConfig
from schemas.errors import ConfigError, ServerGone, V2XumError

log = logging.getLogger(__name__)
_FIRST_PROBE, _LONGEST_PROBE = 0.5, 5.0  # seconds between two probes of a server that is gone

ErrorFactory = Callable[[], V2XumError]
"""Makes a new error object for every thread in which the error is raised."""


class Fleet:
    """The servers of a model (replicas). It lives on one event loop.

    It calls `changed()` when a request can be sent that could not be sent before; `ready()` once, when all servers were
    asked and at least one is up; `given_up(error)` when no call can go on, for good or until a server is back.
    """

    def __init__(
        self,
        config: ServerConfig,
        key: str | None,
        meter: Meter,
        *,
        changed: Callable[[], None],
        ready: Callable[[], None],
        given_up: Callable[[ErrorFactory], None],
    ) -> None:
        """Make the servers of the configuration; `start` contacts them. `key` is the API key."""
        self.servers: Sequence[Server] = [Server(url, config, key) for url in dict.fromkeys(config.base_urls)]
        self.context: int | None = config.context
        self.given_up_error: ErrorFactory | None = None  # the error of every call until a server is back
        self._config, self._meter = config, meter
        self._changed, self._ready, self._given_up = changed, ready, given_up
        self._asked: set[Server] = set()
        self._is_ready = False
        self._checks: dict[Server, asyncio.Task[bool]] = {}
        self._probes: dict[Server, asyncio.Task[None]] = {}
        self._all_down_since: float | None = None
        self._patience: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Ask every server whether it is up."""
        self._note_all_down()
        for server in self.servers:
            self._probes[server] = asyncio.create_task(self._probe(server, 0.0))

    def choose(self, avoid: Server | None = None) -> Server | None:
        """The server with the smallest share of its places taken, if possible not `avoid`; None when all are full."""
        free = [server for server in self.servers if server.free]
        if len(free) > 1:
            free = [server for server in free if server is not avoid]
        return min(free, key=lambda server: (server.load, server.sent), default=None)

    async def still_there(self, server: Server) -> bool:
        """Check a server that failed. Callers that ask meanwhile share one check; a server that fails it is gone."""
        if not server.up:
            return False
        check = self._checks.get(server)
        if check is None:
            check = self._checks[server] = asyncio.create_task(self._check(server))
        return await asyncio.shield(check)

    async def any_up(self) -> Server:
        """Wait for a server that is up, and return the least loaded one. Raises the error that `given_up` gets."""
        while True:
            up = [server for server in self.servers if server.up]
            if up:
                return min(up, key=lambda server: server.load)
            if self.given_up_error is not None:
                raise self.given_up_error()
            await asyncio.sleep(0.1)

    async def close(self) -> None:
        """End the probes and close all connections."""
        if self._patience is not None:
            self._patience.cancel()
        tasks = [*self._checks.values(), *self._probes.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for server in self.servers:
            await server.close()

    async def _check(self, server: Server) -> bool:
        began = time.monotonic()
        try:
            problem = await server.check(self.context)
            # A reply that came during the check is better evidence than the check.
            if problem is None or (server.answered_at > began and not problem.lasting):
                server.streak = 0
                return True
            self._mark_gone(server, problem)
            return False
        finally:
            del self._checks[server]

    def _mark_gone(self, server: Server, problem: Problem) -> None:
        server.up, server.problem = False, problem
        log.warning("model server %s is gone: %s", server.url, problem.text)
        self._note_all_down()
        self._probes[server] = asyncio.create_task(self._probe(server, _FIRST_PROBE))

    async def _probe(self, server: Server, delay: float) -> None:
        while True:
            await asyncio.sleep(delay)
            server.problem = await server.check(self.context)
            if server.problem is None:
                break
            if server.problem.lasting and not self._is_ready:
                self._stop(server, server.problem.text)
                return
            self._note_asked(server)
            self._note_all_down()
            delay = min(max(2 * delay, _FIRST_PROBE), _LONGEST_PROBE)
        self._mark_up(server)
        self._note_asked(server)

    def _mark_up(self, server: Server) -> None:
        server.up, server.streak = True, 0
        server.limiter.restart(time.monotonic())
        self._meter.limit(server.url, server.limiter.limit)
        if self._is_ready:
            log.warning("model server %s is back", server.url)
        self._all_down_since, self.given_up_error = None, None
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        self._meter.pause(None, self._config.model)
        self._changed()

    def _note_asked(self, server: Server) -> None:
        """Record that a server answered or failed. After all servers did, the model is ready and its context known."""
        self._asked.add(server)
        if self._is_ready or len(self._asked) < len(self.servers) or not any(s.up for s in self.servers):
            return
        if self.context is None:
            lengths = [s.max_model_len for s in self.servers if s.up and s.max_model_len is not None]
            if not lengths:
                first = next(s for s in self.servers if s.up)
                self._stop(first, "does not tell max_model_len; set `context` (tokens) of the model")
                return
            self.context = min(lengths)
        self._is_ready = True
        self._ready()

    def _note_all_down(self) -> None:
        """When no server is up, pause the meter and start the time of patience."""
        if any(server.up for server in self.servers):
            return
        if self._all_down_since is None:
            self._all_down_since = time.monotonic()
        if len(self._asked) < len(self.servers):
            return  # some servers have not answered for the first time yet
        if self._patience is None:
            left = self._all_down_since + self._config.patience - time.monotonic()
            self._patience = asyncio.get_running_loop().call_later(max(0.0, left), self._give_up)
        since = time_of_day(self._all_down_since)
        self._meter.pause(f"no model server since {since}: {self._problems()}", self._config.model)

    def _give_up(self) -> None:
        problems, patience = self._problems(), self._config.patience

        def gone() -> ServerGone:
            return ServerGone(
                f"no server of model {self._config.model!r} for {patience:g} s: {problems}; "
                "start the server again and run the same command"
            )

        self.given_up_error = gone
        self._given_up(gone)

    def _stop(self, server: Server, text: str) -> None:
        message = f"model server {server.url} {text}"

        def wrong() -> ConfigError:
            return ConfigError(message)

        self.given_up_error = wrong
        self._given_up(wrong)

    def _problems(self) -> str:
        return "; ".join(f"{s.url}: {s.problem.text if s.problem else 'no answer yet'}" for s in self.servers)
