"""The faulty server: an OpenAI-compatible server on 127.0.0.1 that fails by plan, for tests and runs without a GPU.

In a test:      with serve(FaultPlan(capacity=8, latency=0.2, rate_limit=0.02)) as server: ... server.url, server.stats
By hand:        python -m demo.faulty_server --port 8000 --capacity 8 --latency 0.2 --rate-limit 0.02 --seed 1
                (prints its address; GET /stats and a last line show the counters)

It answers POST /v1/chat/completions, /v1/audio/transcriptions and /tokenize, GET /v1/models, /health and /stats.
plan.py describes the faults, requests.py (Character) the abilities of the server, answers.py and speech.py its answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import inspect
import itertools
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

from aiohttp import web

from demo.faulty_server.answers import Answerer, ChatAnswer, ChatRequest, Refused, hashed
from demo.faulty_server.plan import Draw, Fault, FaultPlan
from demo.faulty_server.replies import error_reply, half, hang_up, trickle, unauthorized
from demo.faulty_server.requests import Character, prompt_tokens, read_chat, read_tokens, tokens_of
from demo.faulty_server.slots import QueueFull, Slots
from demo.faulty_server.speech import Hearing, SpeechRequest, hashed_speech, read_speech
from demo.faulty_server.stats import Stats
from demo.server_thread import ServerThread

REPEATED = "A person is standing in a room."
T = TypeVar("T")
_RECENT = 64  # a swapped reply comes from one of this many recent pictures
_LARGEST = 64 * 2**20


class FaultServer(ServerThread):
    """The server. `start` and `stop` may be called again and again; the port stays the same.

    `plan` may be replaced at any time; a new capacity and queue take effect at the next start.
    """

    def __init__(
        self, plan: FaultPlan, answer: Answerer = hashed, character: Character | None = None, port: int = 0
    ) -> None:
        """Make the server; it does not listen yet. Port 0 is a free port."""
        super().__init__(port, cancels=True)
        self.plan = plan
        self.answer = answer
        self.hear: Hearing = hashed_speech  # answers transcription requests
        self.character = character or Character()
        self.stats = Stats()
        self._numbers = itertools.count(1)
        self._recent: OrderedDict[str, str] = OrderedDict()
        self._slots = Slots(plan.capacity, plan.queue)

    @property
    def url(self) -> str:
        """The base URL for a client, with /v1."""
        return f"http://127.0.0.1:{self.port}/v1"

    def application(self) -> web.Application:
        """The routes of the server."""
        self._slots = Slots(self.plan.capacity, self.plan.queue)
        app = web.Application(client_max_size=_LARGEST)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/audio/transcriptions", self._speech)
        app.router.add_post("/tokenize", self._tokenize)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/health", self._health)
        app.router.add_get("/stats", self._stats)
        return app

    async def close(self) -> None:
        """Stop listening, drop every connection, as a killed server does, and end what answers."""
        await super().close()
        ending = getattr(self.answer, "close", None)
        if ending is not None:
            await ending()

    async def _health(self, _request: web.Request) -> web.Response:
        return web.Response()

    async def _stats(self, _request: web.Request) -> web.Response:
        return web.json_response(self.stats.document())

    async def _models(self, request: web.Request) -> web.Response:
        if not self._has_key(request):
            return unauthorized()
        card = {"id": self.character.model, "object": "model", "max_model_len": self.character.max_model_len}
        return web.json_response({"object": "list", "data": [card]})

    async def _tokenize(self, request: web.Request) -> web.Response:
        if not self._has_key(request):
            return unauthorized()
        try:
            text, images = read_tokens(await request.read())
        except Refused as error:
            return error_reply(error.status, error.message)
        count = text + images
        most = self.character.max_model_len
        return web.json_response({"count": count, "max_model_len": most, "tokens": list(range(count))})

    def _has_key(self, request: web.Request) -> bool:
        key = self.character.api_key
        return key is None or request.headers.get("Authorization") == f"Bearer {key}"

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        digest = hashlib.blake2b(raw, digest_size=16).digest()
        attempt = self.stats.arrive(digest)
        try:
            if not self._has_key(request):
                self.stats.refuse(401)
                return unauthorized()
            try:
                return await self._answer_drawn(request, raw, attempt, self.plan.draw(digest, attempt))
            except Refused as error:
                self.stats.refuse(error.status)
                return error_reply(error.status, error.message, self.plan.retry_after)
        finally:
            self.stats.leave()

    async def _answer_drawn(self, request: web.Request, raw: bytes, attempt: int, draw: Draw) -> web.StreamResponse:
        """Answer a request, with the fault that was drawn for it. Raises Refused."""
        try:
            chat = read_chat(raw, attempt, self.character)
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise Refused(400, f"malformed request: {type(error).__name__}: {error}"[:500]) from error
        self._refuse_drawn(draw)
        if draw.fault == "drop_before":
            self.stats.fault("drop_before")
            return hang_up(request)
        answer = await self._in_slot(lambda: self._ask_answerer(chat))
        if draw.delay:
            await asyncio.sleep(draw.delay)
        return await self._send(request, chat, answer, draw)

    async def _speech(self, request: web.Request) -> web.StreamResponse:
        if not self._has_key(request):
            self.stats.refuse(401)
            return unauthorized()
        try:
            speech = read_speech(await request.post(), self.character)
        except Refused as error:
            self.stats.refuse(error.status)
            return error_reply(error.status, error.message)
        digest = bytes.fromhex(speech.sha256[:32])
        draw = self.plan.draw(digest, self.stats.arrive(digest))
        try:
            return await self._heard(request, speech, draw)
        except Refused as error:
            self.stats.refuse(error.status)
            return error_reply(error.status, error.message, self.plan.retry_after)
        finally:
            self.stats.leave()

    async def _heard(self, request: web.Request, speech: SpeechRequest, draw: Draw) -> web.StreamResponse:
        """Answer a transcription request, with the fault that was drawn for it. Raises Refused."""
        self._refuse_drawn(draw)
        if draw.fault == "drop_before":
            self.stats.fault("drop_before")
            return hang_up(request)

        async def hear() -> bytes:
            found = self.hear(speech)
            return found if isinstance(found, bytes) else json.dumps(found).encode()

        data = await self._in_slot(hear)
        if draw.delay:
            await asyncio.sleep(draw.delay)
        if draw.fault == "drop_inside":
            self.stats.fault("drop_inside")
            return await half(request, data)
        self.stats.answer(speech.sha256, data[:1000].decode(errors="replace"), None)
        if draw.fault == "slow":
            self.stats.fault("slow")
            return await trickle(request, data, self.plan.slow_seconds)
        return web.Response(body=data, content_type="application/json")

    def _refuse_drawn(self, draw: Draw) -> None:
        """Raise Refused for a fault that refuses a request."""
        if draw.fault == "rate_limit":
            self.stats.fault("rate_limit")
            raise Refused(429, "Too many requests")
        if draw.fault == "server_error":
            self.stats.fault("server_error")
            raise Refused(500, "Internal server error")

    async def _in_slot(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do the work of a request in a slot, for the latency of the plan or as long as it takes. Raises Refused."""
        loop, slots = asyncio.get_running_loop(), self._slots
        try:
            began = await slots.begin()
        except QueueFull:
            self.stats.fault("queue_full")
            raise Refused(429, f"{slots.waiting} requests wait already") from None
        self.stats.work(1)
        due = began + self.plan.latency
        try:
            before = loop.time()
            done = await work()
            due = began + max(self.plan.latency, loop.time() - before)
            await asyncio.sleep(due - loop.time())
        finally:
            self.stats.work(-1)
            slots.end(min(due, loop.time()))
        return done

    async def _ask_answerer(self, chat: ChatRequest) -> ChatAnswer:
        answer = self.answer(chat)
        if inspect.isawaitable(answer):
            answer = await answer
        return ChatAnswer(answer) if isinstance(answer, str) else answer

    async def _send(
        self, request: web.Request, chat: ChatRequest, answer: ChatAnswer, draw: Draw
    ) -> web.StreamResponse:
        answer, kind = self._spoil(chat, answer, draw)
        if tokens_of(answer.text) > chat.max_tokens and answer.tokens_out is None:
            answer = answer._replace(text=answer.text[: 4 * chat.max_tokens], finish="length")
        own_id = request.headers.get("X-Request-Id") or str(next(self._numbers))  # as vLLM does
        data = json.dumps(self._document(chat, answer, own_id)).encode()
        if draw.fault == "drop_inside":
            self.stats.fault("drop_inside")
            return await half(request, data)
        self.stats.answer(chat.image_sha256, answer.text, kind)
        if draw.fault == "slow":
            self.stats.fault("slow")
            return await trickle(request, data, self.plan.slow_seconds)
        return web.Response(body=data, content_type="application/json")

    def _spoil(self, chat: ChatRequest, answer: ChatAnswer, draw: Draw) -> tuple[ChatAnswer, Fault | None]:
        """The answer that is sent, and the fault in its text."""
        kind: Fault | None = None
        picture = chat.image_sha256
        if picture is not None and chat.schema is None:
            others = [text for sha, text in self._recent.items() if sha != picture and text != answer.text]
            self._recent[picture] = answer.text
            if len(self._recent) > _RECENT:
                self._recent.popitem(last=False)
            if draw.repeat:
                answer, kind = ChatAnswer(REPEATED), "repeat"
            elif draw.swap and others:
                answer, kind = ChatAnswer(others[int(draw.choice * len(others))]), "swap"
        if draw.fault == "truncate":
            answer, kind = ChatAnswer(answer.text[: len(answer.text) // 2], "length"), "truncate"
        elif draw.fault == "whitespace":
            answer, kind = (
                ChatAnswer(answer.text[: answer.text.find(":") + 1] + "\n" * chat.max_tokens, "length"),
                "whitespace",
            )
        if kind is not None:
            self.stats.fault(kind)
        return answer, kind

    def _document(self, chat: ChatRequest, answer: ChatAnswer, own_id: str) -> dict[str, Any]:
        prompt = answer.tokens_in if answer.tokens_in is not None else prompt_tokens(chat.text, chat.pictures)
        out = answer.tokens_out if answer.tokens_out is not None else min(chat.max_tokens, tokens_of(answer.text))
        message = {"role": "assistant", "content": answer.text}
        return {
            "id": f"chatcmpl-{own_id}",
            "object": "chat.completion",
            "created": 0,
            "model": self.character.model,
            "choices": [{"index": 0, "message": message, "finish_reason": answer.finish}],
            "usage": {"prompt_tokens": prompt, "completion_tokens": out, "total_tokens": prompt + out},
        }


@contextlib.contextmanager
def serve(
    plan: FaultPlan | None = None, answer: Answerer = hashed, character: Character | None = None, port: int = 0
) -> Iterator[FaultServer]:
    """Run a server in a thread of this process until the block ends."""
    server = FaultServer(plan or FaultPlan(), answer, character, port)
    server.start()
    try:
        yield server
    finally:
        server.stop()
