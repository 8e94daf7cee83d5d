"""The `openai` engine: a chat model behind OpenAI-compatible servers (vLLM in production).

Each model has one daemon thread with one event loop (engine.py), which holds the queue, the connections and the retries
(dispatch.py, fleet.py). The threads that call a model hand their requests over and wait. Every reply is checked: a body
that is not an answer of this model to this request is asked for again.
"""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from models.chat import Arrived, Reply, Request
from models.identity import UNSTATED, remote_sampling
from models.meter import Meter
from models.servers.engine import Engine
from models.servers.picture_files import PictureFolder
from models.servers.transport import api_key
from models.servers.wire import Writer, break_special_tokens
from schemas.configuration.model_config import OpenAIModel

_COUNTS_KEPT = 8192


class RemoteChatModel:
    """A chat model behind one or several servers. Threads may share it. Close it, or use it as a context manager."""

    whole_batches = False

    def __init__(self, config: OpenAIModel, meter: Meter, raise_if_stopped: Callable[[], None]) -> None:
        """Connect to the servers and check that they serve the model; wait for servers that have not started yet.

        `raise_if_stopped` is called at least four times a second while anything waits, and may raise RunStopped.
        Raises ConfigError for a wrong name, key, address or folder, ServerGone when no server came within `patience`.
        """
        self.name = config.model
        self.revision = config.revision or UNSTATED
        self.sampling: dict[str, float | int | str | bool | None] = remote_sampling(config)
        self.batch = config.batch
        self._raise_if_stopped = raise_if_stopped
        self._pictures = (
            PictureFolder(Path(config.media_path)) if config.images == "file" and config.media_path else None
        )
        self._counts: OrderedDict[bytes, int] = OrderedDict()
        self._counting = threading.Lock()
        writer = Writer(config, self.name, self.revision, self.sampling)
        self._engine = Engine(config, api_key(config.api_key_env), meter, writer)
        self._closing = weakref.finalize(self, _close, self._engine, self._pictures)
        try:
            self.context: int = self._engine.wait_ready(raise_if_stopped)
        except BaseException:
            self.close()
            raise

    def count_tokens(self, text: str) -> int:
        """How many tokens a message of this text has with its template: vLLM's number, else an upper estimate.

        Raises RunStopped, TransientError("model_failed"), ConfigError for a key that is not accepted.
        """
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        with self._counting:
            if key in self._counts:
                self._counts.move_to_end(key)
                return self._counts[key]
        count = self._engine.count_tokens(break_special_tokens(text), self._raise_if_stopped)
        with self._counting:
            self._counts[key] = count
            if len(self._counts) > _COUNTS_KEPT:
                self._counts.popitem(last=False)
        return count

    def complete(self, requests: Sequence[Request], arrived: Arrived | None = None) -> list[Reply]:
        """Answer every request, in order; `arrived` is called for each reply as it comes, on this thread.

        Raises RunStopped (from `raise_if_stopped`, or ServerGone) and ConfigError (a key that is not accepted any more,
        a folder that the server may not read). Requests that are still under way are then cancelled.
        """
        if not requests:
            return []
        with self._addresses(requests) as urls:
            return self._engine.answers(requests, urls, self._raise_if_stopped, arrived)

    def close(self) -> None:
        """Cancel the requests that are under way and close the connections. Later calls raise RunStopped."""
        self._closing()

    def __enter__(self) -> RemoteChatModel:
        """Use as a context manager."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the model."""
        self.close()

    def __repr__(self) -> str:
        """The model's name alone."""
        return f"RemoteChatModel({self.name!r})"

    @contextmanager
    def _addresses(self, requests: Sequence[Request]) -> Iterator[Sequence[Sequence[str]]]:
        if self._pictures is None:
            yield [()] * len(requests)
            return
        with self._pictures.lend(requests) as urls:
            yield urls


def _close(engine: Engine, pictures: PictureFolder | None) -> None:
    engine.stop()
    if pictures is not None:
        pictures.close()
