"""The `openai` engine: OpenAI-compatible servers, vLLM in production, driven as fast as they can go.

One daemon thread with one event loop a model holds the queue, the connections and the retries (dispatch.py, fleet.py);
the threads that call hand their requests over and wait. No reply is trusted: what is no answer to this request by this
model is asked for again.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import hashlib
import logging
import os
import queue
import threading
import time
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from models.build import UNSTATED
from models.chat import Arrived, Reply, Request
from models.checkpoints import remote_sampling
from models.dispatch import Call, Dispatcher
from models.fleet import Fleet, Raised
from models.media import Media
from models.meter import Meter
from models.wire import Writer, inert
from schemas.errors import ConfigError, RunStopped
from schemas.model_config import OpenAIModel

_POLL = 0.2  # seconds between two looks at whether the run is to stop
_COUNTS_KEPT = 8192
_CLOSED = "the connection to the model servers was closed"

for _name in ("httpx2", "openai"):  # they write a line for every request
    logging.getLogger(_name).setLevel(logging.WARNING)


class RemoteChatModel:
    """A chat model behind one or several servers. Safe to share between threads; close it, or leave its context."""

    whole_batches = False

    def __init__(self, config: OpenAIModel, meter: Meter, heed: Callable[[], None]) -> None:
        """Reach the servers and check that they serve the model; waits for servers that are not there yet.

        `heed` is called while anything waits, at least four times a second, and may raise RunStopped. Raises
        ConfigError for a wrong name, key, address or folder, ServerGone when no server came within `patience`.
        """
        self.name = config.model
        self.revision = config.revision or UNSTATED
        self.sampling: dict[str, float | int | str | bool | None] = remote_sampling(config)
        self.batch = config.batch
        self._heed = heed
        self._media = Media(Path(config.media_path)) if config.images == "file" and config.media_path else None
        self._counts: OrderedDict[bytes, int] = OrderedDict()
        self._counting = threading.Lock()
        writer = Writer(config, self.name, self.revision, self.sampling)
        self._engine = _Engine(config, _key(config.api_key_env), meter, writer)
        self._closing = weakref.finalize(self, _close, self._engine, self._media)
        try:
            self.context: int = self._engine.wait_ready(heed)
        except BaseException:
            self.close()
            raise

    def count_tokens(self, text: str) -> int:
        """Tokens of a message of this text with its template: what vLLM tells, else an upper estimate.

        Raises RunStopped, TransientError("model_failed"), ConfigError for a key that is not accepted.
        """
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        with self._counting:
            if key in self._counts:
                self._counts.move_to_end(key)
                return self._counts[key]
        count = self._engine.count_tokens(inert(text), self._heed)
        with self._counting:
            self._counts[key] = count
            if len(self._counts) > _COUNTS_KEPT:
                self._counts.popitem(last=False)
        return count

    def complete(self, requests: Sequence[Request], arrived: Arrived | None = None) -> list[Reply]:
        """Answer every request, in order; `arrived` is told of each reply as it comes, on this thread.

        Raises RunStopped (what `heed` raises, ServerGone) and ConfigError (a key that is not accepted any more, a
        folder that the server may not read); requests that are still on their way are then broken off.
        """
        replies: dict[int, Reply] = {}
        if not requests:
            return []
        with self._addresses(requests) as urls:
            call = Call(requests, urls)
            self._heed()
            self._engine.post(lambda dispatcher: dispatcher.submit(call))
            try:
                heeded = time.monotonic()
                while len(replies) < len(requests):
                    if time.monotonic() - heeded >= _POLL:
                        self._heed()
                        heeded = time.monotonic()
                    try:
                        came = call.inbox.get(timeout=_POLL)
                    except queue.Empty:
                        self._engine.require_alive()
                        continue
                    if isinstance(came, BaseException):
                        raise came
                    position, reply = came
                    replies[position] = reply
                    if arrived is not None:
                        arrived(position, reply)
            except BaseException:
                with contextlib.suppress(RunStopped):
                    self._engine.post(lambda dispatcher: dispatcher.cancel(call))
                raise
        return [replies[i] for i in range(len(requests))]

    def close(self) -> None:
        """Break off what is on its way and close the connections. Calls after that raise RunStopped."""
        self._closing()

    def __enter__(self) -> RemoteChatModel:
        """Use as a context manager."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def __repr__(self) -> str:
        """The model's name alone."""
        return f"RemoteChatModel({self.name!r})"

    @contextmanager
    def _addresses(self, requests: Sequence[Request]) -> Iterator[Sequence[str | None]]:
        if self._media is None:
            yield [None] * len(requests)
            return
        with self._media.lent(requests) as urls:
            yield urls


class _Engine:
    """The thread with the event loop. Knows nothing of the model object, so that this one can be collected."""

    def __init__(self, config: OpenAIModel, key: str | None, meter: Meter, writer: Writer) -> None:
        self._config, self._key, self._meter, self._writer = config, key, meter, writer
        self._dispatcher: Dispatcher | None = None
        self._fleet: Fleet | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._running = threading.Event()
        self._decided = threading.Event()
        self._refused: Raised | None = None
        self._thread = threading.Thread(target=self._work, name=f"model {config.model}", daemon=True)
        self._thread.start()
        self._running.wait()

    def wait_ready(self, heed: Callable[[], None]) -> int:
        """The context once a server is up. Raises ConfigError, ServerGone, RunStopped."""
        while not self._decided.wait(_POLL):
            heed()
            self.require_alive()
        if self._refused is not None:
            raise self._refused()
        assert self._fleet is not None and self._fleet.context is not None
        return self._fleet.context

    def post(self, act: Callable[[Dispatcher], None]) -> None:
        """Have `act` run on the loop. Raises RunStopped when that has ended."""
        self.require_alive()
        assert self._loop is not None and self._dispatcher is not None
        with _ended_as_stop():
            self._loop.call_soon_threadsafe(act, self._dispatcher)

    def count_tokens(self, text: str, heed: Callable[[], None]) -> int:
        """See Dispatcher.count_tokens."""
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
                heed()
                with contextlib.suppress(concurrent.futures.TimeoutError):
                    return future.result(timeout=_POLL)
                self.require_alive()
        except concurrent.futures.CancelledError as error:
            raise RunStopped(_CLOSED) from error
        finally:
            future.cancel()

    def require_alive(self) -> None:
        """Raise RunStopped when the thread has ended."""
        if not self._thread.is_alive() or self._dispatcher is None:
            raise RunStopped(_CLOSED)

    def stop(self) -> None:
        """End the thread; waiting calls hear RunStopped."""
        if self._loop is not None and self._stop is not None:
            with contextlib.suppress(RuntimeError):  # it has ended already
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
        dispatcher = Dispatcher(self._config, self._key, self._meter, self._writer, fleet)
        self._fleet, self._dispatcher = fleet, dispatcher
        fleet.start()
        self._running.set()
        try:
            await self._stop.wait()
        finally:
            dispatcher.fail(lambda: RunStopped(_CLOSED), for_good=True)
            await fleet.close()

    def _give_up(self, dispatcher: Dispatcher, error: Raised) -> None:
        if not self._decided.is_set():
            self._refused = error
            self._decided.set()
        dispatcher.fail(error)


def _close(engine: _Engine, media: Media | None) -> None:
    engine.stop()
    if media is not None:
        media.close()


@contextmanager
def _ended_as_stop() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        raise RunStopped(_CLOSED) from error


def _key(variable: str) -> str | None:
    """The API key that the environment holds, if any. Raises ConfigError for one that no header can carry."""
    key = os.environ.get(variable, "").strip()
    if not key.isascii() or not key.isprintable():
        raise ConfigError(f"the environment variable {variable} holds characters that no API key has")
    return key or None
