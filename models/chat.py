"""The one protocol that every language or vision-language model is called through.

An engine takes a batch of requests and gives a reply for each, in order; what it could not have answered comes back
as a reply that says so. It interprets nothing: schemas and rejections are the stages' business, caching the ledger's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

JsonSchema = dict[str, Any]


class Request(NamedTuple):
    """One user message: text first, then at most one image (JPEG bytes), so that prefixes can be shared.

    `schema` constrains the reply to JSON of that schema; `variant` counts retries: an engine that samples
    greedily must answer differently for another variant (temperature and seed derived from it).
    """

    text: str
    image: bytes | None = None
    schema: JsonSchema | None = None
    max_tokens: int = 256
    variant: int = 0

    def key(self, model: str, revision: str, sampling: dict[str, Any]) -> str:
        """SHA-256 of everything that determines the reply: the key of the reply cache."""
        determining = {
            "text": self.text,
            "image": hashlib.sha256(self.image).hexdigest() if self.image is not None else None,
            "schema": self.schema,
            "max_tokens": self.max_tokens,
            "variant": self.variant,
            "model": model,
            "revision": revision,
            "sampling": sampling,
        }
        return hashlib.sha256(json.dumps(determining, sort_keys=True).encode()).hexdigest()


class Reply(NamedTuple):
    """What a model answered; only `stop` is a success.

    `finish`: `length` was cut off; `refused` is a request that the server will never answer (too long, a picture it
    cannot read) and `failed` one that it did not answer this time, in both cases `text` says why. `server`: the address
    that it came from, empty for a model in this process and for a stored reply.
    """

    text: str
    finish: Literal["stop", "length", "refused", "failed"]
    tokens_in: int
    tokens_out: int
    server: str = ""


Arrived = Callable[[int, Reply], None]
"""Told of a reply by its request's position, on any thread, before its batch is complete."""


@runtime_checkable
class ChatModel(Protocol):
    """A model behind any engine.

    `revision` names the exact weights (a hash of the files for local ones); `context` is the most tokens
    that prompt and reply may have together; `whole_batches` says that a reply may depend, in the last
    bits, on its neighbours in the batch, so that a cache must reuse a batch only as a whole.
    """

    @property
    def name(self) -> str:
        """The model's name as configured, never a path of the machine."""
        ...

    @property
    def revision(self) -> str:
        """The exact weights."""
        ...

    @property
    def sampling(self) -> dict[str, float | int | str | bool | None]:
        """Sampling parameters that determine replies."""
        ...

    @property
    def context(self) -> int:
        """Tokens that prompt and reply may have together."""
        ...

    @property
    def batch(self) -> int:
        """How many requests are best sent in one call."""
        ...

    @property
    def whole_batches(self) -> bool:
        """Whether a batch's replies are only reproducible as a whole."""
        ...

    def count_tokens(self, text: str) -> int:
        """Tokens of a text (an upper bound is fine)."""
        ...

    def complete(self, requests: Sequence[Request], arrived: Arrived | None = None) -> list[Reply]:
        """Answer every request, in order. An engine that answers one by one tells `arrived` of each reply.

        Raises schemas.errors.StageError for what concerns this call alone, and RunStopped (Interrupted, ServerGone)
        when no call can go on.
        """
        ...


class Embedder(Protocol):
    """Sentence embeddings of unit length."""

    @property
    def name(self) -> str:
        """Engine, model and revision in one word."""
        ...

    def embed(self, texts: Sequence[str]) -> Any:
        """float32 array [len(texts), d], rows of unit norm (zero rows for empty texts)."""
        ...
