"""A server on 127.0.0.1, on a running event loop or in a thread of its own, which may start again and again."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod

from aiohttp import web

_START_SECONDS = 30


class ServerThread(ABC):
    """A server on `port`, which listens after `open` or `start`. Port 0 is a free port; it stays the same then."""

    def __init__(self, port: int = 0, *, cancels: bool = False) -> None:
        """`cancels`: a request whose client is gone is not worked on any more."""
        self.port = port
        self._cancels = cancels
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._runner: web.AppRunner | None = None

    @abstractmethod
    def application(self) -> web.Application:
        """The routes; called each time that the server begins to listen."""

    async def open(self) -> None:
        """Listen, on the running event loop. Raises OSError when the port is taken."""
        self._runner = web.AppRunner(
            self.application(),
            access_log=None,
            handle_signals=False,
            handler_cancellation=self._cancels,
            shutdown_timeout=0.05,
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, backlog=1024)
        try:
            await site.start()
        except OSError:
            await self._runner.cleanup()
            raise
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening and drop every connection, as a killed server does."""
        if self._runner is None:
            return
        server = self._runner.server
        held = [each.transport for each in server.connections] if server is not None else []
        await self._runner.cleanup()
        self._runner = None
        for transport in held:  # one whose client reads nothing would wait until all is sent, with its socket open
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()
        await asyncio.sleep(0)  # sockets are closed in the next turn of the loop

    def start(self) -> None:
        """Listen in a thread of its own. Raises OSError when the port is taken."""
        loop = self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=loop.run_forever, name=type(self).__name__, daemon=True)
        self._thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self.open(), loop).result(_START_SECONDS)
        except BaseException:
            self._end_thread()
            raise

    def stop(self) -> None:
        """Stop the thread; requests under way get no answer. Does nothing when the server does not run."""
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self.close(), self._loop).result(_START_SECONDS)
            self._end_thread()

    def _end_thread(self) -> None:
        assert self._loop is not None and self._thread is not None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_START_SECONDS)
        self._loop.close()
        self._loop = self._thread = None
