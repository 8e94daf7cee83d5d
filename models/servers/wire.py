"""Writes requests and reads replies of the chat completions API as bytes. `Wire` is what a dispatcher needs of an API.

The text comes before the picture, so that a fixed prompt is a prefix that a server computes once. Text is data: every
string that looks like a special token is broken by a space. models/local/chat_model.py does the same with the tokenizer
of its checkpoint.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from models.chat import Reply, Request, longest_text
from models.identity import RETRY_TEMPERATURE
from models.servers.failures import Fault
from schemas.configuration.model_config import OpenAIModel
from schemas.kit.utf8 import storable_text

_OWN_ID = re.compile(r"v2x[0-9a-f]{29}")
_ANGLED = (
    r"image|video|audio|/?img|pad|unk|mask|bos|eos|/?s|start_of_turn|end_of_turn|start_of_image|end_of_image|"
    r"image_soft_token|IMG_CONTEXT|fake_token_around_image|global-img|end_of_utterance|row_\d+_col_\d+"
)
_BRACKETED = r"/?INST|IMG|IMG_BREAK|IMG_END|/?SYSTEM_PROMPT"
_SPECIAL = re.compile(rf"<[|｜][^<>]{{1,100}}?[|｜]>|<(?:{_ANGLED})>|<</?SYS>>|\[(?:{_BRACKETED})\]")
_DATED = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{4}|\d{6}|\d{8})")
_ABORTED = frozenset({"", "abort", "error"})  # the server stopped in the middle of the reply, not the model


class Answered(NamedTuple):
    """What a body holds: a reply, or the fault in it. Exactly one of the two is None."""

    reply: Reply | None
    fault: Fault | None


class Wire(Protocol):
    """The requests and replies of one API as bytes."""

    @property
    def path(self) -> str:
        """Where requests are posted, below the base URL."""
        ...

    @property
    def content_type(self) -> str:
        """The media type of the requests' bodies."""
        ...

    def body(self, request: Request, urls: Sequence[str] = ()) -> bytes:
        """A request as bytes; `urls` are the addresses of its pictures, none where they are part of the body."""
        ...

    def read(self, body: bytes, own_id: str, request: Request) -> Answered:
        """What the answer to a request holds, which was sent with the id `own_id`."""
        ...


def break_special_tokens(text: str) -> str:
    """The text with a space after the first character of every string that may be a special token."""
    return _SPECIAL.sub(lambda match: f"{match[0][:1]} {match[0][1:]}", text)


class Writer:
    """The chat requests of a model."""

    path = "chat/completions"
    content_type = "application/json"

    def __init__(self, config: OpenAIModel, name: str, revision: str, sampling: dict[str, Any]) -> None:
        """`name`, `revision` and `sampling` are the model's identity: the seeds of sampled requests depend on it."""
        self._config = config
        self._identity = (name, revision, sampling)
        self._head = b'{"model":' + json.dumps(config.model).encode() + b',"messages":[{"role":"user","content":'

    def body(self, request: Request, urls: Sequence[str] = ()) -> bytes:
        """The request as JSON; `urls` are the addresses of its pictures, none where they are part of the body."""
        text = _quoted(request.text)
        # Joined, not dumped by json: base64 needs no escaping, and to look for it costs more time than to send it.
        if request.image is not None:
            message = b"".join(
                (b"[", _text_part(text), b",", _picture_part(request.image, urls[0] if urls else ""), b"]")
            )
        elif request.clip:
            parts = [_text_part(text)]
            for place, shown in enumerate(request.clip):
                parts += [_text_part(_quoted(shown.name)), _picture_part(shown.image, urls[place] if urls else "")]
            message = b"".join((b"[", b",".join(parts), b"]"))
        else:
            message = text
        rest = json.dumps(self._options(request), separators=(",", ":")).encode()
        return b"".join((self._head, message, b"}],", rest[1:]))

    def read(self, body: bytes, own_id: str, request: Request) -> Answered:
        """See `read_answer`."""
        return read_answer(body, own_id, self._config.model, longest_text(request))

    def _options(self, request: Request) -> dict[str, Any]:
        config = self._config
        temperature = max(config.temperature, RETRY_TEMPERATURE) if request.variant else config.temperature
        options: dict[str, Any] = {"max_tokens": request.max_tokens, "temperature": temperature, "stream": False}
        if temperature > 0:
            key = request.key(*self._identity)
            seed = hashlib.sha256(f"{config.seed}:{request.variant}:{key}".encode()).digest()
            # 31 bits, which every server accepts.
            options |= {"top_p": config.top_p, "seed": int.from_bytes(seed[:4]) >> 1}
        if request.schema is not None:
            options["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "reply", "schema": request.schema, "strict": True},
            }
        return options


def _text_part(quoted: bytes) -> bytes:
    return b'{"type":"text","text":' + quoted + b"}"


def _picture_part(image: bytes, url: str) -> bytes:
    picture = url.encode() if url else b"data:image/jpeg;base64," + base64.b64encode(image)
    return b"".join((b'{"type":"image_url","image_url":{"url":"', picture, b'"}}'))


def read_answer(body: bytes, own_id: str, model: str, longest: int) -> Answered:
    """Read the body of the answer to the request `own_id` for `model`; its text may have `longest` characters.

    A body that is no chat completion of this model gives the fault `bad_response`; a body with the id of another
    request gives the fault `misrouted`.
    """
    try:
        document = json.loads(body)
        first = document["choices"][0]
        message, finish = first["message"], first.get("finish_reason")
        content, served, body_id = message.get("content"), document.get("model"), str(document.get("id"))[:1000]
    except (ValueError, RecursionError, LookupError, TypeError, AttributeError):
        return _bad(f"no chat completion: {body[:200]!r}")
    if any(other != own_id for other in _OWN_ID.findall(body_id)):
        return Answered(None, Fault("misrouted", "the reply belongs to another request"))
    if not _is_model(served, model):
        return _bad(f"model {str(served)[:200]!r} answered, not {model!r}")
    usage = document.get("usage")
    tokens = (_count(usage, "prompt_tokens"), _count(usage, "completion_tokens"))
    if not isinstance(finish, str) or finish in _ABORTED:
        return _bad(f"finish_reason {str(finish)[:200]!r}")
    text = storable_text(content[: longest + 1]) if isinstance(content, str) else ""
    if finish == "length" or len(text) > longest:
        return Answered(Reply(text, "length", *tokens), None)
    if isinstance(message.get("refusal"), str) and not content:
        said = storable_text(message["refusal"][:500])
        return Answered(Reply(f"the model refused: {said}"[:500], "refused", *tokens), None)
    if finish != "stop":
        return Answered(Reply(f"finish_reason {storable_text(finish[:500])}"[:500], "refused", *tokens), None)
    if not isinstance(content, str):
        return _bad("no text in the reply")
    return Answered(Reply(text, "stop", *tokens), None)


@functools.lru_cache(maxsize=32)
def _quoted(text: str) -> bytes:
    return json.dumps(break_special_tokens(text)).encode()


def _bad(why: str) -> Answered:
    return Answered(None, Fault("bad_response", why))


def _is_model(served: Any, model: str) -> bool:
    """Whether a body names the model that was asked. Some services add the date of the model's snapshot."""
    if not isinstance(served, str):
        return False
    return served == model or (served.startswith(model) and _DATED.fullmatch(served[len(model) :]) is not None)


def _count(usage: Any, name: str) -> int:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and 0 <= value < 2**40 else 0
