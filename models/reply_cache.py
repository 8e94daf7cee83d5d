"""A chat model that answers from stored replies where it can, so that no request is paid for twice."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from models.chat import Arrived, ChatModel, Reply, Request
from models.meter import Meter
from schemas.errors import BindingBroken

_FLUSH_REPLIES, _FLUSH_SECONDS = 64, 1.0
_FROM_MODEL = ("stop", "length")  # these replies are words of the model; `refused` and `failed` are not


class ReplyStore(Protocol):
    """Stores replies by key (64 hex digits)."""

    def get_replies(self, keys: Sequence[str]) -> dict[str, Reply]:
        """The stored replies among these keys, by key."""
        ...

    def put_replies(self, replies: Mapping[str, Reply], model: str) -> None:
        """Store replies by key; `model` is the name of the model that gave them."""
        ...


class CachedModel:
    """A ChatModel that asks another ChatModel only for replies that its store does not have.

    Where a reply may depend on its batch (`whole_batches`), its key holds the whole call and the position in it. A
    reply is then reused only in the same batch, so that a run with stored replies gives the same result as a run
    without them. Requests that are sampled without a seed are always sent. Replies of an engine that answers one by
    one are stored as they come (at most the replies of one second can be lost); those of other engines are stored at
    the end of the call.
    """

    def __init__(
        self,
        model: ChatModel,
        store: ReplyStore,
        meter: Meter | None = None,
        raise_if_stopped: Callable[[], None] = lambda: None,
    ) -> None:
        """Answer for `model` from `store` where the result is the same.

        `raise_if_stopped` is called before requests are sent, and may raise RunStopped.
        """
        self._model = model
        self._store = store
        self._meter = meter or Meter()
        self._raise_if_stopped = raise_if_stopped

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    @property
    def revision(self) -> str:
        """Which weights exactly."""
        return self._model.revision

    @property
    def sampling(self) -> dict[str, float | int | str | bool | None]:
        """The sampling parameters that determine replies."""
        return self._model.sampling

    @property
    def context(self) -> int:
        """The most tokens that prompt and reply may have together."""
        return self._model.context

    @property
    def batch(self) -> int:
        """How many requests are best sent in one call."""
        return self._model.batch

    @property
    def whole_batches(self) -> bool:
        """Whether a reply may depend on the other requests of its batch."""
        return self._model.whole_batches

    def count_tokens(self, text: str) -> int:
        """How many tokens a text has."""
        return self._model.count_tokens(text)

    def complete(self, requests: Sequence[Request], arrived: Arrived | None = None) -> list[Reply]:
        """Answer every request, in order, from the store or the model; `arrived` is called for the model's replies."""
        if not requests:
            return []
        repeatable = all(self._repeatable(r) for r in requests)
        keys = self._keys(requests) if repeatable else [str(i) for i in range(len(requests))]
        known = self._store.get_replies(keys) if repeatable else {}
        missing = {key: request for key, request in zip(keys, requests, strict=True) if key not in known}
        if missing and self._model.whole_batches:
            missing, known = dict(zip(keys, requests, strict=True)), {}
        self._meter.cached(len(requests) - len(missing))
        if missing:
            self._raise_if_stopped()
            known |= self._ask(missing, keys, repeatable, arrived)
        return [known[key] for key in keys]

    def close(self) -> None:
        """Close the model, if it has a method `close` (an engine with connections)."""
        close = getattr(self._model, "close", None)
        if close is not None:
            close()

    def _ask(
        self, missing: Mapping[str, Request], keys: Sequence[str], repeatable: bool, arrived: Arrived | None
    ) -> dict[str, Reply]:
        names = list(missing)
        positions = {key: i for i, key in enumerate(keys)}
        writer = _ReplyWriter(self._store if repeatable else None, self._model.name, self._meter)

        def note(i: int, reply: Reply) -> None:
            writer.add(names[i], reply)
            if arrived is not None:
                arrived(positions[names[i]], reply)

        try:
            with self._meter.waiting("model"):
                replies = self._model.complete(list(missing.values()), note)
            for i, reply in enumerate(replies):
                writer.add(names[i], reply)
        except BindingBroken:
            writer.forget()  # these replies may be wrong
            raise
        finally:
            writer.flush()
        return dict(zip(names, replies, strict=True))

    def _repeatable(self, request: Request) -> bool:
        sampling = self._model.sampling
        if sampling.get("seed") is not None:
            return True
        return sampling.get("temperature") == 0 and request.variant == 0

    def _keys(self, requests: Sequence[Request]) -> list[str]:
        model = self._model
        own = [r.key(model.name, model.revision, dict(model.sampling)) for r in requests]
        if not model.whole_batches:
            return own
        batch = hashlib.sha256("\n".join(own).encode()).hexdigest()
        return [hashlib.sha256(f"{batch} {i}".encode()).hexdigest() for i in range(len(own))]


class _ReplyWriter:
    """Counts the new replies of one call, each once, and stores many of them in one transaction."""

    def __init__(self, store: ReplyStore | None, model: str, meter: Meter) -> None:
        self._store, self._name, self._meter = store, model, meter
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._waiting: dict[str, Reply] = {}
        self._flushed = time.monotonic()

    def add(self, key: str, reply: Reply) -> None:
        with self._lock:
            if key in self._seen or reply.finish not in _FROM_MODEL:
                return
            self._seen.add(key)
            self._waiting[key] = reply
            self._meter.reply(reply.tokens_in, reply.tokens_out)
            due = len(self._waiting) >= _FLUSH_REPLIES or time.monotonic() - self._flushed >= _FLUSH_SECONDS
        if due:
            self.flush()

    def forget(self) -> None:
        """Drop the replies that are not stored yet."""
        with self._lock:
            self._waiting = {}

    def flush(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, {}
            self._flushed = time.monotonic()
        if waiting and self._store is not None:
            self._store.put_replies(waiting, self._name)
