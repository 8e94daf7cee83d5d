"""Never pay twice: a chat model that asks only what no stored reply answers."""

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
_GIVEN = ("stop", "length")  # what a model said; `refused` and `failed` are said of it


class ReplyStore(Protocol):
    """Stored replies by key (64 hex)."""

    def get_replies(self, keys: Sequence[str]) -> dict[str, Reply]:
        """The replies that are there, by key."""
        ...

    def put_replies(self, replies: Mapping[str, Reply], model: str) -> None:
        """Keep replies of a model (its name)."""
        ...


class CachedModel:
    """A ChatModel in front of another one and a store of its replies.

    Where a reply may depend on its batch (`whole_batches`), its key holds the whole call and its position in it: a
    reply is only reused in the company in which it was made, so that a run with stored replies equals one without.
    Requests that are sampled without a seed are always asked anew. Replies of an engine that answers one by one are
    stored as they come (at most a second's worth can be lost), those of others when the call is over.
    """

    def __init__(
        self,
        model: ChatModel,
        store: ReplyStore,
        meter: Meter | None = None,
        raise_if_stopped: Callable[[], None] = lambda: None,
    ) -> None:
        """Answer for `model` from `store` where that is exact.

        `raise_if_stopped` may raise RunStopped before anything is asked.
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
        """The exact weights."""
        return self._model.revision

    @property
    def sampling(self) -> dict[str, float | int | str | bool | None]:
        """Sampling parameters that determine replies."""
        return self._model.sampling

    @property
    def context(self) -> int:
        """Tokens that prompt and reply may have together."""
        return self._model.context

    @property
    def batch(self) -> int:
        """How many requests are best sent in one call."""
        return self._model.batch

    @property
    def whole_batches(self) -> bool:
        """Whether a batch's replies are only reproducible as a whole."""
        return self._model.whole_batches

    def count_tokens(self, text: str) -> int:
        """Tokens of a text."""
        return self._model.count_tokens(text)

    def complete(self, requests: Sequence[Request], arrived: Arrived | None = None) -> list[Reply]:
        """Answer every request, in order, from the store where that is exact; `arrived` hears of fresh replies."""
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
        """Close the model where it can be closed: an engine with connections."""
        close = getattr(self._model, "close", None)
        if close is not None:
            close()

    def _ask(
        self, missing: Mapping[str, Request], keys: Sequence[str], repeatable: bool, arrived: Arrived | None
    ) -> dict[str, Reply]:
        names = list(missing)
        positions = {key: i for i, key in enumerate(keys)}
        keeper = _Keeper(self._store if repeatable else None, self._model.name, self._meter)

        def note(i: int, reply: Reply) -> None:
            keeper.add(names[i], reply)
            if arrived is not None:
                arrived(positions[names[i]], reply)

        try:
            with self._meter.waiting("model"):
                replies = self._model.complete(list(missing.values()), note)
            for i, reply in enumerate(replies):
                keeper.add(names[i], reply)
        except BindingBroken:
            keeper.forget()  # they are in doubt
            raise
        finally:
            keeper.flush()
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
        company = hashlib.sha256("\n".join(own).encode()).hexdigest()
        return [hashlib.sha256(f"{company} {i}".encode()).hexdigest() for i in range(len(own))]


class _Keeper:
    """Counts and stores the fresh replies of one call, each once, a transaction for many."""

    def __init__(self, store: ReplyStore | None, model: str, meter: Meter) -> None:
        self._store, self._name, self._meter = store, model, meter
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._waiting: dict[str, Reply] = {}
        self._flushed = time.monotonic()

    def add(self, key: str, reply: Reply) -> None:
        with self._lock:
            if key in self._seen or reply.finish not in _GIVEN:
                return
            self._seen.add(key)
            self._waiting[key] = reply
            self._meter.reply(reply.tokens_in, reply.tokens_out)
            due = len(self._waiting) >= _FLUSH_REPLIES or time.monotonic() - self._flushed >= _FLUSH_SECONDS
        if due:
            self.flush()

    def forget(self) -> None:
        """Drop what is not stored yet."""
        with self._lock:
            self._waiting = {}

    def flush(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, {}
            self._flushed = time.monotonic()
        if waiting and self._store is not None:
            self._store.put_replies(waiting, self._name)
