"""The checks of a configured model server: it gets the requests that a run would send; each fault comes with a fix."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from models.chat import JsonSchema, Request, Shown
from models.check import Check, fail, ok, warn
from models.servers.failures import RequestFailed, log_line
from models.servers.transport import Transport, api_key
from models.servers.wire import Writer
from schemas.configuration.model_config import OpenAIModel
from schemas.errors import ConfigError

_QUICK_SECONDS, _LONGEST_SECONDS = 10.0, 120.0
# The prompt asks for a word that the schema forbids: only a server that enforces the schema answers by the schema.
_COLOURS = ["teal", "maroon"]
_SCHEMA: JsonSchema = {
    "type": "object",
    "properties": {"colour": {"enum": _COLOURS}},
    "required": ["colour"],
    "additionalProperties": False,
}
_FORBIDDEN = "Reply with the one word yellow, in plain text. No braces, no quotes, no other word: just yellow."
_STRUCTURED_FLAG = """--structured-outputs-config '{"backend":"guidance","disable_any_whitespace":true}'"""
_THINKING_FLAG = """--default-chat-template-kwargs '{"enable_thinking":false}'"""
_CACHING = re.compile(r'enable_prefix_caching="(\w+)"')


class Need(NamedTuple):
    """What a run needs of a model.

    `text` is its longest fixed prompt, `max_tokens` the tokens of a reply, `more_tokens` the least tokens that captions
    add, `image` a picture (JPEG) of the size of frames or None, `structured` whether replies follow a schema,
    `pictures` how many of them a request has at most.
    """

    text: str
    max_tokens: int
    more_tokens: int
    image: bytes | None
    structured: bool
    pictures: int = 1


def _request(need: Need) -> Request:
    """The longest fixed prompt, with as many pictures as a request of a run has."""
    if need.image is None or need.pictures == 1:
        return Request(need.text, need.image, None, 16)
    return Request(need.text, None, None, 16, clip=tuple(Shown(f"[{n}]", need.image) for n in range(need.pictures)))


async def check_server(role: str, config: OpenAIModel, url: str, need: Need, start: str) -> list[Check]:
    """Run all checks of a base URL, in order; checks that depend on a failed check are left out.

    `start` is the command that starts the server.
    """
    try:
        key = api_key(config.api_key_env)
    except ConfigError as error:
        return [fail(f"models.{role} at {url}: key", str(error), f"export {config.api_key_env}=KEY-OF-THE-SERVER")]
    transport = Transport(key)
    try:
        return await _ServerChecks(role, config, url, need, start, key, transport).run()
    finally:
        await transport.close()


class _ServerChecks:
    """The checks of one server."""

    def __init__(
        self,
        role: str,
        config: OpenAIModel,
        url: str,
        need: Need,
        start: str,
        key: str | None,
        transport: Transport,
    ) -> None:
        self._role, self._config, self._url, self._need, self._start = role, config, url, need, start
        self._key, self._transport = key, transport
        parts = urlsplit(url)
        self._root = parts._replace(path=parts.path.removesuffix("/v1")).geturl().rstrip("/")
        self._name = f"models.{role} at {url}"
        self._writer = Writer(config, config.model, "", {})

    async def run(self) -> list[Check]:
        checks = [await self._reachable()]
        if checks[-1].status == "fail":
            return checks
        card, listed = await self._listed()
        checks += listed
        if card is None:
            return checks
        checks += await self._prompts(card.get("max_model_len"))
        if self._need.structured:
            checks.append(await self._structured())
        caching = await self._caching()
        return [*checks, *caching]

    async def _reachable(self) -> Check:
        name = f"{self._name}: reachable"
        try:
            await self._get(f"{self._root}/health")
        except RequestFailed as error:
            if error.fault.status is None:
                fix = f"start it: {self._start}   (or correct models.{self._role}.base_urls)"
                return fail(name, error.fault.reason, fix)
            if error.fault.status >= 500:
                return fail(name, f"GET /health: {error.fault.reason}", "see the server's log; start it again")
        return ok(name, "the server answers")

    async def _listed(self) -> tuple[dict[str, Any] | None, list[Check]]:
        """The entry of the model in /v1/models (None when it is not there), and the checks of key and model."""
        config = self._config
        try:
            cards = [c for c in (await self._get(f"{self._url}/models"))["data"] if isinstance(c.get("id"), str)]
        except RequestFailed as error:
            if error.fault.status in (401, 403):
                state = "is not accepted" if self._key else "is not set"
                found = f"HTTP {error.fault.status}: the key in the environment variable {config.api_key_env} {state}"
                return None, [fail(f"{self._name}: key", found, f"export {config.api_key_env}=KEY-OF-THE-SERVER")]
            return None, [self._no_api(error.fault.reason)]
        except (LookupError, TypeError, AttributeError):
            return None, [self._no_api("GET /models gave no list")]
        checks = [ok(f"{self._name}: key", "accepted" if self._key else "none is set, and none is asked for")]
        name = f"{self._name}: model"
        for card in cards:
            if card["id"] == config.model:
                return card, [*checks, ok(name, f"serves {config.model!r}")]
        served = [log_line(card["id"])[:100] for card in cards[:20]]
        change = f"set models.{self._role}.model: {served[0]}" if served else "load a model"
        fix = f"{change}   (or start the server with --served-model-name {config.model})"
        return None, [*checks, fail(name, f"does not serve {config.model!r} but {', '.join(served) or 'nothing'}", fix)]

    def _no_api(self, found: str) -> Check:
        return fail(f"{self._name}: model", found, "base_urls must name an OpenAI-compatible API; they end in /v1")

    async def _prompts(self, longest: Any) -> list[Check]:
        """Send the longest fixed prompt, with a picture where a run sends pictures: is it answered, does it fit?"""
        need, name = self._need, f"{self._name}: {'pictures' if self._need.image is not None else 'prompt'}"
        try:
            picture = self._picture()
        except OSError as error:
            fix = f"make the folder models.{self._role}.media_path and let this user write to it"
            return [fail(name, f"{self._config.media_path}: {error.strerror or error}", fix)]
        try:
            urls = [picture.as_uri()] * need.pictures if picture is not None else []
            body = self._writer.body(_request(need), urls)
            answer = await self._post(body)
            tokens = int((answer.get("usage") or {}).get("prompt_tokens") or 0)
            text = _content(answer["choices"][0])
        except RequestFailed as error:
            return [self._not_answered(name, error)]
        except (LookupError, TypeError, ValueError, AttributeError):
            return [fail(name, "the answer is no chat completion", "serve the model with an OpenAI-compatible server")]
        finally:
            if picture is not None:
                picture.unlink(missing_ok=True)
        how = ("as files" if picture is not None else "in the request") if need.image is not None else ""
        checks = [ok(name, f"pictures {how} are taken" if how else "answered")]
        if not text.strip() or text.lstrip().startswith("<think>"):
            found = "the reply begins with thoughts or holds nothing else: thoughts use up the tokens of captions"
            checks.append(warn(f"{self._name}: thinking", found, f"start the server with {_THINKING_FLAG}"))
        return [*checks, self._context(tokens, longest)]

    def _picture(self) -> Path | None:
        """The test picture below media_path, written there; None unless pictures are sent as files. Raises OSError."""
        if self._need.image is None or self._config.images != "file" or self._config.media_path is None:
            return None
        folder = Path(self._config.media_path).expanduser().resolve()
        if not folder.is_dir():
            raise FileNotFoundError(2, "there is no such folder")
        path = folder / f"v2xum-doctor-{uuid.uuid4().hex}.jpg"
        path.write_bytes(self._need.image)
        return path

    def _not_answered(self, name: str, error: RequestFailed) -> Check:
        message = error.fault.reason.lower()
        if "allowed-local-media-path" in message or "allowed_local_media_path" in message:
            folder = Path(self._config.media_path or ".").expanduser().resolve()
            fix = f"start the server with --allowed-local-media-path {folder}   (v2xum serve prints it)"
            return fail(name, error.fault.reason, f"{fix}, or set models.{self._role}.images: base64")
        if self._config.images == "file" and ("no such file" in message or "failed to load" in message):
            fix = "the server must see the same folder: mount media_path there, or set images: base64"
            return fail(name, error.fault.reason, fix)
        if "context length" in message or "max_model_len" in message or "longer than" in message:
            fix = f"start the server with a larger --max-model-len (models.{self._role}.serve.max_model_len)"
            return fail(name, error.fault.reason, fix)
        if error.fault.status == 400 and self._need.pictures > 1 and "image" in message:
            limit = json.dumps({"image": self._need.pictures, "video": 0}, separators=(",", ":"))
            fix = f"start the server with --limit-mm-per-prompt '{limit}'   (v2xum serve prints it)"
            return fail(name, error.fault.reason, fix)
        if error.fault.status == 400 and self._need.image is not None:
            return fail(name, error.fault.reason, f"models.{self._role} must be a vision-language model; serve one")
        return fail(name, error.fault.reason, "see the server's log; a run would fail the same way")

    def _context(self, prompt: int, longest: Any) -> Check:
        name, need = f"{self._name}: context", self._need
        least = prompt + need.more_tokens + need.max_tokens
        limits = [n for n in (longest, self._config.context) if isinstance(n, int) and n > 0]
        if not limits:
            return warn(name, "the server does not report its context", f"set models.{self._role}.context")
        key = f"models.{self._role}"
        if isinstance(longest, int) and self._config.context is not None and self._config.context > longest:
            found = f"{key}.context is {self._config.context}, the server has {longest} tokens"
            return fail(name, found, f"set {key}.context: {longest}, or start the server with a larger --max-model-len")
        sums = f"prompt {prompt} + captions {need.more_tokens} + reply {need.max_tokens}"
        if least > min(limits):
            found = f"{min(limits)} tokens where at least {least} are needed ({sums})"
            return fail(name, found, self._larger(least, longest))
        return ok(name, f"{min(limits)} tokens; at least {least} are needed ({sums})")

    def _larger(self, least: int, longest: Any) -> str:
        """The fix for a context of less than `least` tokens: it names the setting that is too small."""
        key, wanted, own = f"models.{self._role}", -(-least // 1024) * 1024, self._config.context
        known = isinstance(longest, int) and longest > 0
        fixes = []
        if known and longest < least:
            fixes.append(f"set {key}.serve.max_model_len: {wanted} and start the server again")
        if own is not None and own < least:
            larger = f"set {key}.context: {longest if known and longest >= least else wanted}"
            fixes.append(f"{larger}, or leave it out: the server reports its own" if known else larger)
        return "; ".join(fixes)

    async def _structured(self) -> Check:
        name = f"{self._name}: structured output"
        fix = f"serve with vLLM and {_STRUCTURED_FLAG}"
        try:
            answer = await self._post(self._writer.body(Request(_FORBIDDEN, None, _SCHEMA, 64)))
            choice = answer["choices"][0]
            text = _content(choice)
        except RequestFailed as error:
            return fail(name, error.fault.reason, fix)
        except (LookupError, TypeError, AttributeError):
            return fail(name, "the answer is no chat completion", fix)
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict) and list(value) == ["colour"] and value["colour"] in _COLOURS:
            return ok(name, "enforced: the reply follows the schema, although the prompt asks for another word")
        if choice.get("finish_reason") == "length" and text[-8:].isspace():
            return fail(name, "the reply goes on in white space until its tokens are used up", fix)
        return fail(name, f"not enforced: asked for JSON by a schema, got {log_line(text)[:80]!r}", fix)

    async def _caching(self) -> list[Check]:
        """The check of prefix caching, by vLLM's metrics; empty for other servers."""
        try:
            answer = await self._transport.get(f"{self._root}/metrics", _QUICK_SECONDS)
        except RequestFailed:
            return []
        match = _CACHING.search(answer.decode(errors="replace"))
        if match is None:
            return []
        name = f"{self._name}: prefix caching"
        if match[1] == "True":
            return [ok(name, "on: the fixed text before each picture is computed once")]
        return [warn(name, "off: the fixed prompt is computed for every picture", "add --enable-prefix-caching")]

    async def _get(self, url: str) -> Any:
        """The JSON of the answer. Raises RequestFailed."""
        return _document(await self._transport.get(url, _QUICK_SECONDS))

    async def _post(self, body: bytes) -> Any:
        """The JSON of the answer to a chat completion. Raises RequestFailed."""
        seconds = min(self._config.timeout, _LONGEST_SECONDS)
        return _document(await self._transport.post(f"{self._url}/chat/completions", body, seconds))


def _document(body: bytes) -> Any:
    """The JSON of a body; {} for a body that is not JSON."""
    try:
        return json.loads(body) if body else {}
    except (ValueError, RecursionError):
        return {}


def _content(choice: Any) -> str:
    """The text of a choice. Raises LookupError, TypeError or AttributeError for a value that is no choice."""
    text = choice["message"].get("content")
    if text is not None and not isinstance(text, str):
        raise TypeError("the content is no string")
    return text or ""
