"""The answers of the faulty server to requests without a fault: made from hashes, by the demo's models, or by a server.

An answerer is a function from a ChatRequest to a text or a ChatAnswer (a text with tokens and finish reason), or to an
awaitable of one of them.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from models.chat import ChatModel, JsonSchema, Request, Shown

_UPSTREAM_SECONDS = 600
_FIRST = "bdfghjklmnprstvz"
_MIDDLE = tuple(f"{vowel}{end}" for vowel in "aeio" for end in "lnrs")
_ENDING = ("a", "e", "i", "o", "u", "an", "en", "in")  # by position, so that no two words of a caption are equal


class ChatRequest(NamedTuple):
    """A chat request as the server understood it.

    `attempt` counts how often the same body came before; `body` is the whole JSON. Of several pictures each is in
    `clip`, with the text before it.
    """

    text: str
    image: bytes | None
    image_sha256: str | None
    schema: JsonSchema | None
    max_tokens: int
    attempt: int
    body: dict[str, Any]
    clip: tuple[Shown, ...] = ()

    @property
    def pictures(self) -> int:
        """How many pictures it has."""
        return len(self.clip) or int(self.image is not None)


class ChatAnswer(NamedTuple):
    """A text with its finish reason and its tokens (None: the server counts them)."""

    text: str
    finish: str = "stop"
    tokens_in: int | None = None
    tokens_out: int | None = None


class Refused(Exception):
    """The request is refused with an HTTP status and a message."""

    def __init__(self, status: int, message: str) -> None:
        """Keep status and message."""
        super().__init__(message)
        self.status = status
        self.message = message


Answerer = Callable[[ChatRequest], str | ChatAnswer | Awaitable[str | ChatAnswer]]


# The words are no English, so they are quoted.
_BEFORE, _AFTER = 'A sign with the words "', '" stands there.'


def hashed(chat: ChatRequest) -> str:
    """Answer by hash: an instance of the schema, else a caption that only this picture (or this text) has.

    Of a clip each entry of the reply is the caption of its picture.
    """
    if chat.schema is not None and chat.clip:
        keys = [*chat.schema["properties"]]  # the first picture of a clip may be shown for what was before
        shown = chat.clip[len(chat.clip) - len(keys) :]
        told = {key: caption_of(hashlib.sha256(one.image).hexdigest()) for key, one in zip(keys, shown, strict=True)}
        return json.dumps(told, separators=(",", ":"))
    if chat.schema is not None:
        return json.dumps(instance(chat.schema, chat.text), separators=(",", ":"))
    return caption_of(chat.image_sha256 or hashlib.sha256(chat.text.encode()).hexdigest())


def caption_of(sha256: str) -> str:
    """A caption that quotes eight words, which encode the first 8 bytes of a hash (hex). `hash_of` decodes it."""
    words = [_FIRST[b >> 4] + _MIDDLE[b & 15] + _ENDING[i] for i, b in enumerate(bytes.fromhex(sha256[:16]))]
    return f"{_BEFORE}{' '.join(words)}{_AFTER}"


def hash_of(caption: str) -> str | None:
    """The first 16 hex digits of the hash that a caption of `caption_of` encodes; None for any other text."""
    words = caption.removeprefix(_BEFORE).removesuffix(_AFTER).split(" ")
    if len(words) != len(_ENDING):
        return None
    try:
        digest = bytes(_FIRST.index(word[0]) << 4 | _MIDDLE.index(word[1:3]) for word in words).hex()
    except (ValueError, IndexError):
        return None
    return digest if caption_of(digest) == caption else None


def instance(schema: JsonSchema, salt: str, inside: bool = False) -> Any:
    """A value that the schema allows; it reads const, enum, types, items and bounds, which this project's schemas use.

    An array at the top has as few items as the schema allows (but at least one); an array `inside` another one has all
    values of its enum. So an extraction chooses few seconds, and a refined sentence cites every line.
    """
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    if kind == "object":
        properties = schema.get("properties", {})
        return {name: instance(part, f"{salt}/{name}", inside) for name, part in properties.items()}
    if kind == "array":
        items = schema.get("items", {})
        least = max(int(schema.get("minItems", 0)), min(1, int(schema.get("maxItems", 1))))
        if "enum" in items:
            allowed: list[Any] = items["enum"]
            return allowed[: min(len(allowed), schema.get("maxItems", len(allowed))) if inside else least]
        return [instance(items, f"{salt}/{i}", inside=True) for i in range(least)]
    if kind == "string":
        text = caption_of(hashlib.sha256(salt.encode()).hexdigest())
        return text.ljust(schema.get("minLength", 0), ".")[: schema.get("maxLength", len(text))]
    if kind in ("integer", "number"):
        return schema.get("minimum", schema.get("maximum", 0))
    return kind == "boolean" or None


class LocalAnswers:
    """Answers by the demo's checkpoints in this process (extra `local`), on one thread.

    The captioner answers requests with a picture, the summarizer all others.
    """

    def __init__(self, captioner: Path, summarizer: Path) -> None:
        """Load both checkpoints from their folders. Raises ConfigError."""
        from models.build import build_chat_model
        from schemas.configuration.model_config import LocalModel

        self._captioner: ChatModel = build_chat_model(LocalModel(model=str(captioner)))
        self._summarizer: ChatModel = build_chat_model(LocalModel(model=str(summarizer)))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="answers")

    async def __call__(self, chat: ChatRequest) -> ChatAnswer:
        """Answer greedily; a request with a temperature is answered as the variant that its seed selects."""
        model = self._captioner if chat.pictures else self._summarizer
        request = Request(chat.text, chat.image, chat.schema, chat.max_tokens, _variant(chat.body), clip=chat.clip)
        loop = asyncio.get_running_loop()
        [reply] = await loop.run_in_executor(self._thread, model.complete, [request])
        return ChatAnswer(reply.text, reply.finish, reply.tokens_in, reply.tokens_out)


class UpstreamAnswers:
    """Answers by a real server: requests are passed on, with another model name and key where these are given."""

    def __init__(self, base_url: str, model: str | None = None, api_key: str | None = None) -> None:
        """`base_url` ends in /v1; `model` is the name there, this server's name when None."""
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self._model = model
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, chat: ChatRequest) -> ChatAnswer:
        """Ask the real server. Raises Refused with its status and message."""
        if self._session is None:
            limits = aiohttp.TCPConnector(limit=0)
            timeout = aiohttp.ClientTimeout(total=_UPSTREAM_SECONDS)
            self._session = aiohttp.ClientSession(connector=limits, timeout=timeout, headers=self._headers)
        body = chat.body if self._model is None else {**chat.body, "model": self._model}
        try:
            async with self._session.post(self._url, json=body) as response:
                text = await response.text()
                if response.status != 200:
                    raise Refused(response.status, text[:2000])
                answer = json.loads(text)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Refused(502, f"the upstream server did not answer: {error}"[:2000]) from error
        choice, usage = answer["choices"][0], answer.get("usage") or {}
        return ChatAnswer(
            choice["message"].get("content") or "",
            choice.get("finish_reason") or "stop",
            usage.get("prompt_tokens"),
            usage.get("completion_tokens"),
        )

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _variant(body: dict[str, Any]) -> int:
    """The variant of a request: 0 without a temperature, else a number from its seed (a retry has a temperature)."""
    if not body.get("temperature"):
        return 0
    return 1 + abs(int(body.get("seed") or 0)) % 1000
