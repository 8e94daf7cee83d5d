"""Reads chat requests as vLLM does, and refuses wrong ones with vLLM's messages."""

from __future__ import annotations

import binascii
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from demo.faulty_server.answers import ChatRequest, Refused
from models.chat import Shown

IMAGE_TOKENS = 64


@dataclass(frozen=True)
class Character:
    """What the server is able to do.

    `model` is the served name and `max_model_len` the context in tokens. Clients need `api_key` when it is set. file://
    pictures are read below `media_path`. Without `structured` a response_format is ignored; without `images` requests
    with pictures are refused, and those with more than `most_images`.
    """

    model: str = "tiny"
    max_model_len: int = 8192
    api_key: str | None = None
    media_path: Path | None = None
    structured: bool = True
    images: bool = True
    most_images: int = 16


def tokens_of(text: str) -> int:
    """An estimate of a text's tokens that never changes: four characters a token, rounded up."""
    return -(-len(text) // 4)


def prompt_tokens(text: str, images: int) -> int:
    """The tokens of a prompt; a picture counts as 64 tokens."""
    return tokens_of(text) + IMAGE_TOKENS * images


def read_chat(raw: bytes, attempt: int, character: Character) -> ChatRequest:
    """Read the JSON of a chat request. Raises Refused, and LookupError, TypeError and the like for malformed JSON."""
    body = _json(raw)
    if body.get("model") != character.model:
        raise Refused(404, f"The model `{body.get('model')}` does not exist.")
    if body.get("stream"):
        raise Refused(400, "this server does not stream")
    texts: list[str] = []
    images: list[Shown] = []
    for message in body.get("messages") or ():
        for part in _parts(message):
            if part.get("type") == "text":
                texts.append(part["text"])
            elif part.get("type") == "image_url":
                images.append(Shown(texts[-1] if texts else "", _image(part["image_url"]["url"], character)))
            else:
                raise Refused(400, f"Unknown part type: {part.get('type')}")
    if len(images) > character.most_images:
        raise Refused(400, f"At most {character.most_images} image(s) may be provided in one prompt.")
    text = "\n".join(texts)
    most = int(body.get("max_completion_tokens") or body.get("max_tokens") or character.max_model_len)
    prompt = prompt_tokens(text, len(images))
    limited = "max_completion_tokens" in body or "max_tokens" in body
    if prompt + (most if limited else 1) > character.max_model_len:
        raise Refused(
            400,
            f"This model's maximum context length is {character.max_model_len} tokens. However, you requested {most} "
            f"output tokens and your prompt contains at least {prompt} input tokens, for a total of at least "
            f"{prompt + most} tokens. Please reduce the length of the input prompt or the number of requested output "
            "tokens.",
        )
    image = images[0].image if len(images) == 1 else None
    picture = hashlib.sha256(image).hexdigest() if image is not None else None
    clip = tuple(images) if len(images) > 1 else ()
    return ChatRequest(text, image, picture, _schema(body, character), most, attempt, body, clip)


def read_tokens(raw: bytes) -> tuple[int, int]:
    """The tokens of the text and of the pictures of a /tokenize request. Raises Refused."""
    body = _json(raw)
    if "prompt" in body:
        return tokens_of(str(body["prompt"])), 0
    text, images = 0, 0
    for message in body.get("messages") or ():
        for part in _parts(message):
            text += tokens_of(str(part.get("text", ""))) if part.get("type") == "text" else 0
            images += part.get("type") == "image_url"
    return text, IMAGE_TOKENS * images


def _json(raw: bytes) -> dict[str, Any]:
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise Refused(400, f"There was an error parsing the body: {error}") from error
    if not isinstance(body, dict):
        raise Refused(400, "There was an error parsing the body: an object was expected")
    return body


def _parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    content: str | list[dict[str, Any]] = message.get("content") or ""
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _schema(body: dict[str, Any], character: Character) -> dict[str, Any] | None:
    wanted = body.get("response_format") or {}
    if wanted.get("type") != "json_schema" or not character.structured:
        return None
    schema: dict[str, Any] | None = wanted["json_schema"].get("schema")
    return schema


def _image(url: str, character: Character) -> bytes:
    if not character.images:
        raise Refused(400, f"{character.model} is not a multimodal model")
    if url.startswith("data:image/"):
        try:
            return binascii.a2b_base64(url.partition(",")[2], strict_mode=True)
        except ValueError as error:
            raise Refused(400, f"Failed to load image: {error}") from error
    if not url.startswith("file://"):
        raise Refused(400, "The URL must be either a HTTP, data or file URL.")
    if character.media_path is None:
        raise Refused(400, "Cannot load local files without `--allowed-local-media-path`.")
    path = Path(unquote(urlsplit(url).path))
    allowed = character.media_path.resolve()
    if allowed not in path.resolve().parents:
        raise Refused(400, f"The file path {path} must be a subpath of `--allowed-local-media-path {allowed}`.")
    try:
        return path.read_bytes()
    except OSError as error:
        raise Refused(400, f"Failed to load image: {error.strerror}: {path}") from error
