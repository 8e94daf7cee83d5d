"""The servers of one model: which are up, which of them is next, and what happens while none is.

A server whose connections fail is checked at once; when the check fails too it is gone: nothing is sent there, and it
is probed until it is back, with the model that was asked for. While none is up the run is paused, and after the
configured patience it is given up.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence

from models.meter import Meter
from models.servers.server import Problem, Server, clock
from schemas.errors import ConfigError, ServerGone, V2XumError
from schemas.model_config import OpenAIModel

log = logging.getLogger(__name__)
_FIRST_PROBE, _LONGEST_PROBE = 0.5, 5.0  # seconds between two looks at a server that is gone

Raised = Callable[[], V2XumError]
"""Makes an error anew for every thread that it is raised in."""


class Fleet:
    """The replicas; lives on one event loop.

    `changed()` is called when a request may be sent that could not be before, `ready()` once, when the first server is
    up and all have been asked, `given_up(error)` when no call can go on: for good, or until a server is back.
    """

    def __init__(
        self,
        config: OpenAIModel,
        key: str | None,
        meter: Meter,
        *,
        changed: Callable[[], None],
        ready: Callable[[], None],
        given_up: Callable[[Raised], None],
    ) -> None:
        """Bind the configuration's servers; `start` contacts them."""
        self.servers: Sequence[Server] = [Server(url, config, key) for url in dict.fromkeys(config.base_urls)]
        self.context: int | None = config.context
        self.hopeless: Raised | None = None
        self._config, self._meter = config, meter
        self._changed, self._ready, self._given_up = changed, ready, given_up
        self._asked: set[Server] = set()
        self._is_ready = False
        self._checks: dict[Server, asyncio.Task[bool]] = {}
        self._probes: dict[Server, asyncio.Task[None]] = {}
        self._alone_since: float | None = None
        self._patience: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Ask every server whether it is there."""
        self._alone()
        for server in self.servers:
            self._probes[server] = asyncio.create_task(self._probe(server, 0.0))

    def choose(self, avoid: Server | None = None) -> Server | None:
        """The server with the smallest share of its places taken, another than `avoid` if there is one; None: wait."""
        free = [server for server in self.servers if server.free]
        if len(free) > 1:
            free = [server for server in free if server is not avoid]
        return min(free, key=lambda server: (server.load, server.sent), default=None)

    async def still_there(self, server: Server) -> bool:
        """Check a server that failed, once for all that ask meanwhile; one that is not well is gone from then on."""
        if not server.up:
            return False
        check = self._checks.get(server)
        if check is None:
            check = self._checks[server] = asyncio.create_task(self._check(server))
        return await asyncio.shield(check)

    async def some(self) -> Server:
        """A server that is up, when there is one. Raises what `given_up` is told."""
        while True:
            up = [server for server in self.servers if server.up]
            if up:
                return min(up, key=lambda server: server.load)
            if self.hopeless is not None:
                raise self.hopeless()
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
            # A reply that came during the check is the better witness.
            if problem is None or (server.answered_at > began and not problem.lasting):
                server.streak = 0
                return True
            self._lose(server, problem)
            return False
        finally:
            del self._checks[server]

    def _lose(self, server: Server, problem: Problem) -> None:
        server.up, server.problem = False, problem
        log.warning("model server %s is gone: %s", server.url, problem.text)
        self._alone()
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
            self._alone()
            delay = min(max(2 * delay, _FIRST_PROBE), _LONGEST_PROBE)
        self._back(server)
        self._note_asked(server)

    def _back(self, server: Server) -> None:
        server.up, server.streak = True, 0
        server.limiter.restart(time.monotonic())
        self._meter.limit(server.url, server.limiter.limit)
        if self._is_ready:
            log.warning("model server %s is back", server.url)
        self._alone_since, self.hopeless = None, None
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        self._meter.pause(None, self._config.model)
        self._changed()

    def _note_asked(self, server: Server) -> None:
        """The first answer of each server decides when the model is ready, and how long its context is."""
        self._asked.add(server)
        if self._is_ready or len(self._asked) < len(self.servers) or not any(s.up for s in self.servers):
            return
        if self.context is None:
            told = [s.max_model_len for s in self.servers if s.up and s.max_model_len is not None]
            if not told:
                first = next(s for s in self.servers if s.up)
                self._stop(first, "does not tell max_model_len; set `context` (tokens) of the model")
                return
            self.context = min(told)
        self._is_ready = True
        self._ready()

    def _alone(self) -> None:
        """When no server is up: say so, and begin to lose patience."""
        if any(server.up for server in self.servers):
            return
        if self._alone_since is None:
            self._alone_since = time.monotonic()
        if len(self._asked) < len(self.servers):
            return  # the first answers are still to come
        if self._patience is None:
            left = self._alone_since + self._config.patience - time.monotonic()
            self._patience = asyncio.get_running_loop().call_later(max(0.0, left), self._give_up)
        self._meter.pause(f"no model server since {clock(self._alone_since)}: {self._problems()}", self._config.model)

    def _give_up(self) -> None:
        problems, patience = self._problems(), self._config.patience

        def gone() -> ServerGone:
            return ServerGone(
                f"no server of model {self._config.model!r} for {patience:g} s: {problems}; "
                "start the server again and run the same command"
            )

        self.hopeless = gone
        self._given_up(gone)

    def _stop(self, server: Server, text: str) -> None:
        message = f"model server {server.url} {text}"

        def wrong() -> ConfigError:
            return ConfigError(message)

        self.hopeless = wrong
        self._given_up(wrong)

    def _problems(self) -> str:
        return "; ".join(f"{s.url}: {s.problem.text if s.problem else 'no answer yet'}" for s in self.servers)
