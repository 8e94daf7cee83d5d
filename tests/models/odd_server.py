"""A chat server whose answers a test writes."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

Handler = Callable[[web.Request, dict[str, Any]], Awaitable[web.StreamResponse]]


def completion(request_id: str | None, text: str | None = "fine", **changes: Any) -> web.Response:
    """A complete answer, with changes to its top level."""
    document = {
        "id": f"chatcmpl-{request_id}",
        "model": "tiny",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
        **changes,
    }
    return web.json_response(document)


@contextmanager
def odd_server(
    chat: Handler, *, models: Any = None, tokenize: bool = False, broken_tokenize: bool = False
) -> Iterator[str]:
    """Serve `chat` on 127.0.0.1 until the block ends; gives the base URL."""
    listing = {"data": [{"id": "tiny", "max_model_len": 4096}]} if models is None else models

    async def answer(request: web.Request) -> web.StreamResponse:
        return await chat(request, json.loads(await request.read()))

    async def listed(_request: web.Request) -> web.Response:
        return web.json_response(listing)

    async def counted(request: web.Request) -> web.Response:
        return web.json_response({"count": len((await request.json())["messages"][0]["content"])})

    async def broken(_request: web.Request) -> web.Response:
        return web.json_response({}, status=500)

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    app.router.add_get("/v1/models", listed)
    if broken_tokenize:
        app.router.add_post("/tokenize", broken)
    elif tokenize:
        app.router.add_post("/tokenize", counted)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.05)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def begin() -> int:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port: int = runner.addresses[0][1]
        return port

    try:
        yield f"http://127.0.0.1:{asyncio.run_coroutine_threadsafe(begin(), loop).result(30)}/v1"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()
