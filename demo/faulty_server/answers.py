"""What the fault-injecting server says when nothing goes wrong: hashes, the demo's models, or a real server's words.

An answer is a function from an Ask to a text (or to a Said, which also has tokens and the reason why it ended), or to
an awaitable of one.
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

from models.chat import ChatModel, JsonSchema, Request

_UPSTREAM_SECONDS = 600
_FIRST = "bdfghjklmnprstvz"
_MIDDLE = tuple(f"{vowel}{end}" for vowel in "aeio" for end in "lnrs")
_ENDING = ("a", "e", "i", "o", "u", "an", "en", "in")  # by position, so that no two words of a caption are equal


class Ask(NamedTuple):
    """A request as the server understood it: the text, the picture's bytes and their hash, the body it came in."""

    text: str
    image: bytes | None
    image_sha256: str | None
    schema: JsonSchema | None
    max_tokens: int
    attempt: int
    body: dict[str, Any]


class Said(NamedTuple):
    """An answer with its reason to end and its tokens (None: the server counts)."""

    text: str
    finish: str = "stop"
    tokens_in: int | None = None
    tokens_out: int | None = None


class Refused(Exception):
    """The answerer will not answer: an HTTP status with a message."""

    def __init__(self, status: int, message: str) -> None:
        """Keep both."""
        super().__init__(message)
        self.status = status
        self.message = message


Answer = Callable[[Ask], str | Said | Awaitable[str | Said]]


def hashed(ask: Ask) -> str:
    """A caption that only this picture has, a valid instance of the schema, or a sentence that only this text has."""
    if ask.schema is not None:
        return json.dumps(instance(ask.schema, ask.text), separators=(",", ":"))
    return caption_of(ask.image_sha256 or hashlib.sha256(ask.text.encode()).hexdigest())


def caption_of(sha256: str) -> str:
    """Eight words that stand for the first 8 bytes of a hash (hex): see `hash_of`."""
    words = [_FIRST[b >> 4] + _MIDDLE[b & 15] + _ENDING[i] for i, b in enumerate(bytes.fromhex(sha256[:16]))]
    return f"A picture of {' '.join(words)}."


def hash_of(caption: str) -> str | None:
    """The first 16 hex digits of the hash that a caption of `caption_of` stands for; None for any other text."""
    words = caption.removeprefix("A picture of ").removesuffix(".").split(" ")
    if len(words) != len(_ENDING):
        return None
    try:
        found = bytes(_FIRST.index(word[0]) << 4 | _MIDDLE.index(word[1:3]) for word in words).hex()
    except (ValueError, IndexError):
        return None
    return found if caption_of(found) == caption else None


def instance(schema: JsonSchema, salt: str, inside: bool = False) -> Any:
    """A value that a schema of this project's kind allows: enum, const, types, items, bounds of numbers and lengths.

    An array has as few items as allowed (at least one) on top and, within other arrays, all of its enum: so an extract
    picks little, and a refined sentence cites every line.
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
    """The demo's checkpoints in this process (extra `local`), on one thread: with a picture the captioner answers."""

    def __init__(self, captioner: Path, summarizer: Path) -> None:
        """Load both checkpoints. Raises ConfigError."""
        from models.build import build_chat_model
        from schemas.model_config import LocalModel

        self._captioner: ChatModel = build_chat_model(LocalModel(model=str(captioner)))
        self._summarizer: ChatModel = build_chat_model(LocalModel(model=str(summarizer)))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="answers")

    async def __call__(self, ask: Ask) -> Said:
        """Answer greedily, or, where the request names a temperature, as the variant that its seed stands for."""
        model = self._captioner if ask.image is not None else self._summarizer
        request = Request(ask.text, ask.image, ask.schema, ask.max_tokens, _variant(ask.body))
        loop = asyncio.get_running_loop()
        [reply] = await loop.run_in_executor(self._thread, model.complete, [request])
        return Said(reply.text, reply.finish, reply.tokens_in, reply.tokens_out)


class UpstreamAnswers:
    """A real server behind this one: requests are passed on as they are, but for the model's name and the key."""

    def __init__(self, base_url: str, model: str | None = None, api_key: str | None = None) -> None:
        """`base_url` ends in /v1."""
        self._url = f"{base_url.rstrip('/')}/chat/completions"
        self._model = model
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, ask: Ask) -> Said:
        """Ask the server behind. Raises Refused with its status and message."""
        if self._session is None:
            limits = aiohttp.TCPConnector(limit=0)
            timeout = aiohttp.ClientTimeout(total=_UPSTREAM_SECONDS)
            self._session = aiohttp.ClientSession(connector=limits, timeout=timeout, headers=self._headers)
        body = ask.body if self._model is None else {**ask.body, "model": self._model}
        try:
            async with self._session.post(self._url, json=body) as response:
                text = await response.text()
                if response.status != 200:
                    raise Refused(response.status, text[:2000])
                answer = json.loads(text)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Refused(502, f"the server behind did not answer: {error}"[:2000]) from error
        choice, usage = answer["choices"][0], answer.get("usage") or {}
        return Said(
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
    """A temperature says that the request is a retry; its seed, which one."""
    if not body.get("temperature"):
        return 0
    return 1 + abs(int(body.get("seed") or 0)) % 1000
