"""The protocol of language and vision-language models: requests, replies, ChatModel, and Embedder for sentences.

An engine takes a batch of requests and returns one reply for each, in order. A request that got no answer comes back
as a reply that says so. An engine does not interpret replies: the stages check them, and the ledger keeps them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

JsonSchema = dict[str, Any]
_CHARACTERS_OF_A_TOKEN, _LEAST = 64, 256


class Shown(NamedTuple):
    """A picture (JPEG bytes) of several, and the line of text that stands before it, such as its time."""

    name: str
    image: bytes


class Request(NamedTuple):
    """One user message: a text, then at most one picture (JPEG bytes), or several with their names (`clip`).

    Or, for a speech recogniser, a piece of sound.

    The text comes first, so that a server can compute a fixed text once for many pictures.
    `schema` constrains the reply to JSON of that schema. `max_tokens` limits the reply. `variant` counts the retries:
    an engine must answer another variant differently, with a temperature and a seed derived from it. `sound` is a WAV
    file; the text beside it is the language that is spoken (ISO 639), or empty.
    """

    text: str
    image: bytes | None = None
    schema: JsonSchema | None = None
    max_tokens: int = 256
    variant: int = 0
    sound: bytes | None = None
    clip: tuple[Shown, ...] = ()

    @property
    def pictures(self) -> tuple[bytes, ...]:
        """All pictures, in order."""
        return tuple(shown.image for shown in self.clip) if self.image is None else (self.image,)

    def key(self, model: str, revision: str, sampling: dict[str, Any]) -> str:
        """SHA-256 of everything that determines the reply: the key of the reply cache."""
        determining: dict[str, Any] = {
            "text": self.text,
            "image": hashlib.sha256(self.image).hexdigest() if self.image is not None else None,
            "schema": self.schema,
            "max_tokens": self.max_tokens,
            "variant": self.variant,
            "model": model,
            "revision": revision,
            "sampling": sampling,
        }
        if self.sound is not None:
            determining["sound"] = hashlib.sha256(self.sound).hexdigest()
        if self.clip:
            determining["clip"] = [[shown.name, hashlib.sha256(shown.image).hexdigest()] for shown in self.clip]
        return hashlib.sha256(json.dumps(determining, sort_keys=True).encode()).hexdigest()


def longest_text(request: Request) -> int:
    """How many characters an honest reply to a request can have; a longer one did not obey `max_tokens`."""
    return _CHARACTERS_OF_A_TOKEN * request.max_tokens + _LEAST


class Reply(NamedTuple):
    """What a model answered, with the tokens that were read and written.

    `text` has no lone surrogate and no NUL: an engine puts U+FFFD in their place, so that every store takes it. A text
    that is longer than `longest_text` is cut to one character more, with the finish `length`.

    `finish` says how the reply ended. `stop`: it is complete; all others are failures. `length`: it was cut off.
    `refused`: the server will never answer this request (too long, or a picture that it cannot read). `failed`: the
    server did not answer this time. For `refused` and `failed`, `text` is the reason. `server` is the address of the
    server, empty for a model in this process and for a stored reply.
    """

    text: str
    finish: Literal["stop", "length", "refused", "failed"]
    tokens_in: int
    tokens_out: int
    server: str = ""


Arrived = Callable[[int, Reply], None]
"""Called with a request's position and its reply, on any thread, before the whole batch is complete."""


@runtime_checkable
class ChatModel(Protocol):
    """A chat model behind any engine."""

    @property
    def name(self) -> str:
        """The model's name as configured, never a path of the machine."""
        ...

    @property
    def revision(self) -> str:
        """Which weights exactly: a hash over the files of a local checkpoint, or the configured name of a revision."""
        ...

    @property
    def sampling(self) -> dict[str, float | int | str | bool | None]:
        """The sampling parameters that determine replies."""
        ...

    @property
    def context(self) -> int:
        """The most tokens that prompt and reply may have together."""
        ...

    @property
    def batch(self) -> int:
        """How many requests are best sent in one call."""
        ...

    @property
    def whole_batches(self) -> bool:
        """Whether a reply may depend, in its last bits, on the other requests of its batch.

        A cache must then reuse the replies of a batch all together or not at all.
        """
        ...

    def count_tokens(self, text: str) -> int:
        """How many tokens a text has; an upper bound is allowed."""
        ...

    def complete(self, requests: Sequence[Request], arrived: Arrived | None = None) -> list[Reply]:
        """Answer every request, in order. An engine that answers one by one calls `arrived` for each reply.

        Raises StageError when this call alone failed, and RunStopped (Interrupted, ServerGone) when no call can go on.
        """
        ...


class Embedder(Protocol):
    """Sentence embeddings of unit length."""

    @property
    def name(self) -> str:
        """Engine, model and revision, joined by hyphens."""
        ...

    def embed(self, texts: Sequence[str]) -> Any:
        """float32 array [len(texts), d], rows of unit norm (zero rows for empty texts)."""
        ...
