"""Never pay twice: a chat model that asks only what no stored reply answers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Protocol

from models.chat import ChatModel, Reply, Request


class ReplyStore(Protocol):
    """Stored replies by key (64 hex)."""

    def get(self, keys: Sequence[str]) -> dict[str, Reply]:
        """The replies that are there, by key."""
        ...

    def put(self, replies: Mapping[str, Reply]) -> None:
        """Keep replies."""
        ...


class CachedModel:
    """A ChatModel in front of another one and a store of its replies.

    Where a reply may depend on its batch (`whole_batches`), its key holds the whole call and its position in it: a
    reply is only reused in the company in which it was made, so that a run with stored replies equals one without.
    Requests that are sampled without a seed are always asked anew.
    """

    def __init__(self, model: ChatModel, store: ReplyStore) -> None:
        """Answer for `model` from `store` where that is exact."""
        self._model = model
        self._store = store

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

    def complete(self, requests: Sequence[Request]) -> list[Reply]:
        """Answer every request, in order, from the store where that is exact."""
        if not requests or not all(self._repeatable(r) for r in requests):
            return self._model.complete(requests)
        keys = self._keys(requests)
        known = self._store.get(keys)
        missing = {key: request for key, request in zip(keys, requests, strict=True) if key not in known}
        if missing and self._model.whole_batches:
            missing = dict(zip(keys, requests, strict=True))
        if missing:
            fresh = dict(zip(missing, self._model.complete(list(missing.values())), strict=True))
            self._store.put(fresh)
            known |= fresh
        return [known[key] for key in keys]

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
