"""The thread with the event loop that sends all requests of a model to its servers, and the wait for their replies."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from models.chat import Arrived, Reply, Request
from models.meter import Meter
from models.servers.dispatch import Dispatcher
from models.servers.fleet import ErrorFactory, Fleet
from models.servers.jobs import Call
from models.servers.wire import Wire
from schemas.configuration.model_config import ServerConfig
from schemas.errors import RunStopped

POLL_SECONDS = 0.2
"""A waiting thread asks this often whether the run should stop."""
_CLOSED = "the connection to the model servers was closed"


class Engine:
    """The thread, and the way for other threads to reach its event loop.

    It holds no reference to the model, so that a model that nobody uses can be collected.
    """

    def __init__(self, config: ServerConfig, key: str | None, meter: Meter, wire: Wire) -> None:
        """Start the thread and contact the servers; `key` is the API key."""
        self._config, self._key, self._meter, self._wire = config, key, meter, wire
        self._dispatcher: Dispatcher | None = None
        self._fleet: Fleet | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._running = threading.Event()
        self._decided = threading.Event()
        self._refused: ErrorFactory | None = None
        self._thread = threading.Thread(target=self._work, name=f"model {config.model}", daemon=True)
        self._thread.start()
        self._running.wait()

    def wait_ready(self, raise_if_stopped: Callable[[], None]) -> int:
        """Wait until the servers can be used, and return the context in tokens.

        `raise_if_stopped` is called while it waits. Raises ConfigError for a wrong name, key or address, ServerGone
        when no server came within the configured patience, RunStopped.
        """
        while not self._decided.wait(POLL_SECONDS):
            raise_if_stopped()
            self.require_alive()
        if self._refused is not None:
            raise self._refused()
        assert self._fleet is not None and self._fleet.context is not None
        return self._fleet.context

    def post(self, act: Callable[[Dispatcher], None]) -> None:
        """Run `act` on the event loop. Raises RunStopped when the loop has ended."""
        self.require_alive()
        assert self._loop is not None and self._dispatcher is not None
        with _ended_as_stop():
            self._loop.call_soon_threadsafe(act, self._dispatcher)

    def count_tokens(self, text: str, raise_if_stopped: Callable[[], None]) -> int:
        """How many tokens a message of this text has.

        `raise_if_stopped` is called while it waits. Raises TransientError, ConfigError, RunStopped.
        """
        self.require_alive()
        assert self._loop is not None and self._dispatcher is not None
        counting = self._dispatcher.count_tokens(text)
        try:
            future = asyncio.run_coroutine_threadsafe(counting, self._loop)
        except RuntimeError as error:
            counting.close()
            raise RunStopped(_CLOSED) from error
        try:
            while True:
                raise_if_stopped()
                with contextlib.suppress(concurrent.futures.TimeoutError):
                    return future.result(timeout=POLL_SECONDS)
                self.require_alive()
        except concurrent.futures.CancelledError as error:
            raise RunStopped(_CLOSED) from error
        finally:
            future.cancel()

    def answers(
        self,
        requests: Sequence[Request],
        urls: Sequence[Sequence[str]],
        raise_if_stopped: Callable[[], None],
        arrived: Arrived | None = None,
    ) -> list[Reply]:
        """The reply to every request, in order; `urls[i]` are the addresses of the pictures of request i, if any.

        `arrived` is called for each reply as it comes, `raise_if_stopped` several times a second, both on this thread.
        Raises what the latter raises, ServerGone, and ConfigError (a key that is not accepted any more, a folder that
        the server may not read). Requests that are still under way are then cancelled.
        """
        replies: dict[int, Reply] = {}
        call = Call(requests, urls)
        raise_if_stopped()
        self.post(lambda dispatcher: dispatcher.submit(call))
        try:
            checked = time.monotonic()
            while len(replies) < len(requests):
                if time.monotonic() - checked >= POLL_SECONDS:
                    raise_if_stopped()
                    checked = time.monotonic()
                try:
                    message = call.inbox.get(timeout=POLL_SECONDS)
                except queue.Empty:
                    self.require_alive()
                    continue
                if isinstance(message, BaseException):
                    raise message
                position, reply = message
                replies[position] = reply
                if arrived is not None:
                    arrived(position, reply)
        except BaseException:
            with contextlib.suppress(RunStopped):
                self.post(lambda dispatcher: dispatcher.cancel(call))
            raise
        return [replies[i] for i in range(len(requests))]

    def require_alive(self) -> None:
        """Raise RunStopped when the thread has ended."""
        if not self._thread.is_alive() or self._dispatcher is None:
            raise RunStopped(_CLOSED)

    def stop(self) -> None:
        """End the thread; calls that wait raise RunStopped."""
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended already
                self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=10)

    def _work(self) -> None:
        try:
            asyncio.run(self._main())
        finally:
            self._running.set()

    async def _main(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        fleet = Fleet(
            self._config,
            self._key,
            self._meter,
            changed=lambda: dispatcher.pump(),
            ready=self._decided.set,
            given_up=lambda error: self._give_up(dispatcher, error),
        )
        dispatcher = Dispatcher(self._config, self._key, self._meter, self._wire, fleet)
        self._fleet, self._dispatcher = fleet, dispatcher
        fleet.start()
        self._running.set()
        try:
            await self._stop.wait()
        finally:
            dispatcher.fail(lambda: RunStopped(_CLOSED), for_good=True)
            await fleet.close()

    def _give_up(self, dispatcher: Dispatcher, error: ErrorFactory) -> None:
        if not self._decided.is_set():
            self._refused = error
            self._decided.set()
        dispatcher.fail(error)


@contextmanager
def _ended_as_stop() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise RunStopped(_CLOSED) from error
