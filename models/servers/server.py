"""One server of a model: its requests, its limit, and the check whether it is up and serves the model."""

from __future__ import annotations

import json
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from models.servers.failures import Fault, RequestFailed, log_line
from models.servers.limiter import Limiter
from models.servers.transport import LONGEST_BODY, Transport
from schemas.configuration.model_config import ServerConfig

_PROBE_SECONDS = 10.0  # a server that decodes pictures in its only thread can take seconds to answer
_ESTIMATE_OVERHEAD = 64  # tokens that a chat template may add


class Problem(NamedTuple):
    """Why a server cannot be used. `lasting`: only a person can change that (a wrong name, a wrong key)."""

    text: str
    lasting: bool = False


class Server:
    """A replica: its connections, its limit and its state. It lives on one event loop.

    `up` says whether requests are sent to it; `answered_at` is the time of its latest reply (monotonic seconds).
    """

    def __init__(self, url: str, config: ServerConfig, key: str | None) -> None:
        """`url` is a base URL, `key` the API key. Nothing is sent yet."""
        self.url = url
        self.limiter = Limiter(config.concurrency.start, config.concurrency.max)
        self.in_flight = 0
        self.sent = 0
        self.up = False
        self.streak = 0  # failures since the latest reply
        self.answered_at = 0.0
        self.problem: Problem | None = None
        self.max_model_len: int | None = None
        self._model = config.model
        self._key, self._key_env = key, config.api_key_env
        self._tokenizes = True
        parts = urlsplit(url)
        path = parts.path.removesuffix("/v1")
        self._root = parts._replace(path=path).geturl().rstrip("/")
        self._base = url.rstrip("/")
        self._models_url = f"{url.rstrip('/')}/models"
        self._seconds = config.timeout
        self._transport = Transport(key)

    @property
    def load(self) -> float:
        """The share of the server's places that are taken."""
        return self.in_flight / self.limiter.limit

    @property
    def free(self) -> bool:
        """Whether another request may be sent."""
        return self.up and self.in_flight < self.limiter.limit

    async def ask(self, path: str, body: bytes, content_type: str, request_id: str) -> bytes:
        """Post a request below the base URL and return the body of the answer. Raises RequestFailed."""
        return await self._transport.post(
            f"{self._base}/{path}", body, self._seconds, request_id=request_id, content_type=content_type
        )

    async def count_tokens(self, text: str) -> int:
        """How many tokens a message of this text has with its template.

        An upper estimate where the server has no /tokenize. Raises RequestFailed for faults that may pass.
        """
        if self._tokenizes:
            body = {
                "model": self._model,
                "messages": [{"role": "user", "content": text}],
                "add_generation_prompt": True,
            }
            try:
                answer = await self._transport.post(
                    f"{self._root}/tokenize", json.dumps(body).encode(), self._seconds, longest=LONGEST_BODY
                )
                count = json.loads(answer)["count"]
                if isinstance(count, int) and count >= 0:
                    return count
            except RequestFailed as error:
                if error.fault.status in (404, 405, 501):
                    self._tokenizes = False
                elif error.fault.status not in (400, 422):
                    raise
            except (ValueError, RecursionError, LookupError, TypeError):
                self._tokenizes = False
        return -(-len(text.encode("utf-8", "surrogatepass")) // 2) + _ESTIMATE_OVERHEAD

    async def check(self, context: int | None) -> Problem | None:
        """The reason why the server cannot be used, or None. Sets `max_model_len`.

        It must answer, serve the model, and have a context of at least `context` tokens.
        """
        try:
            await self._transport.get(f"{self._root}/health", _PROBE_SECONDS)
        except RequestFailed as error:
            fault = error.fault
            if fault.status is None or fault.status >= 500 or fault.status == 429:
                return Problem(fault.reason)
        try:
            listing = await self._transport.get(self._models_url, _PROBE_SECONDS)
        except RequestFailed as error:
            return self._unlisted(error.fault)
        return self._judge(listing, context)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    def _unlisted(self, fault: Fault) -> Problem:
        if fault.kind == "unauthorized":
            state = "is not set" if self._key is None else "is not accepted"
            return Problem(f"{fault.reason}; the key in the environment variable {self._key_env} {state}", lasting=True)
        if fault.status is None or fault.status >= 500 or fault.kind in ("rate_limited", "timeout"):
            return Problem(fault.reason)
        return Problem(f"no OpenAI-compatible server: GET /models gave {fault.reason}; base_urls end in /v1", True)

    def _judge(self, listing: bytes, context: int | None) -> Problem | None:
        try:
            entries = [e for e in json.loads(listing)["data"] if isinstance(e, dict) and isinstance(e.get("id"), str)]
        except (ValueError, RecursionError, LookupError, TypeError):
            return Problem("no OpenAI-compatible server: GET /models gave no list; base_urls end in /v1", True)
        entry: dict[str, Any] | None = next((e for e in entries if e["id"] == self._model), None)
        if entry is None:
            served = ", ".join(log_line(e["id"])[:100] for e in entries[:20]) or "nothing"
            return Problem(
                f"does not serve {self._model!r} but: {served}; set `model` to a served name, "
                f"or start the server with --served-model-name {self._model}",
                lasting=True,
            )
        longest = entry.get("max_model_len")
        self.max_model_len = longest if isinstance(longest, int) and longest > 0 else None
        if context is not None and self.max_model_len is not None and self.max_model_len < context:
            return Problem(f"has a context of {self.max_model_len} tokens where {context} are needed", lasting=True)
        return None


def time_of_day(moment: float) -> str:
    """The local time of day (HH:MM:SS) of a moment on the monotonic clock."""
    return time.strftime("%H:%M:%S", time.localtime(time.time() - (time.monotonic() - moment)))
