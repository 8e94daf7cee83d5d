"""Serves the pages of a workspace on 127.0.0.1, until it is stopped: these folders, and nothing beside them."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from aiohttp import web

from flows.local.workspace_pages import Found, index_page
from schemas.errors import ConfigError

HOST, PORT = "127.0.0.1", 8765
# What pages are made of. The folder of an evaluation also holds databases, which no page needs.
_KINDS = frozenset({".html", ".css", ".js", ".json", ".svg", ".png", ".jpg", ".jpeg", ".webp"})
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def serve_pages(
    look: Callable[[], Found], port: int | None, ready: Callable[[str], None], stop: asyncio.Event
) -> None:
    """Serve until `stop` is set; `ready` gets the address. The pages are looked for at every visit of the index.

    `port` None: the usual one, or a free one where that is in use. Raises ConfigError for a `port` that is in use.
    """
    app = web.Application(middlewares=[_only_here])
    pages = _Pages(look)
    app.router.add_get("/", pages.index)
    app.router.add_get(r"/{number:\d{1,4}}/{path:.*}", pages.file)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        address = await _listen(runner, port)
        ready(address)
        await stop.wait()
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, port: int | None) -> str:
    for number in (PORT, 0) if port is None else (port,):
        try:
            site = web.TCPSite(runner, HOST, number, reuse_address=True)
            await site.start()
        except OSError as error:
            if port is None and number and error.errno == errno.EADDRINUSE:
                continue
            why = os.strerror(error.errno or 0)
            raise ConfigError(
                f"--port {number}: {HOST}:{number} cannot be listened on ({why}); give another port, or none: a free "
                "one is taken then"
            ) from error
        taken = runner.addresses[0][1]
        return f"http://{HOST}:{taken}/"
    raise AssertionError("port 0 is always free or an error")


@web.middleware
async def _only_here(request: web.Request, handler: Answer) -> web.StreamResponse:
    """Answer a browser of this machine only: a page elsewhere could name its own host 127.0.0.1 (DNS rebinding)."""
    if request.url.host not in (HOST, "localhost"):
        raise web.HTTPForbidden(text="this server answers to its own address only\n")
    try:
        response = await handler(request)
    except web.HTTPException as error:
        error.headers.update(_HEADERS)
        raise
    response.headers.update(_HEADERS)
    return response


class _Pages:
    def __init__(self, look: Callable[[], Found]) -> None:
        self._look = look
        self._found = look()

    async def index(self, _request: web.Request) -> web.StreamResponse:
        self._found = await asyncio.to_thread(self._look)
        return web.Response(text=index_page(self._found), content_type="text/html")

    async def file(self, request: web.Request) -> web.StreamResponse:
        number = int(request.match_info["number"])
        if not 0 < number <= len(self._found.pages):
            raise web.HTTPNotFound(text="no such page: see /\n")
        page = self._found.pages[number - 1]
        path = await asyncio.to_thread(_file_in, page.folder, request.match_info["path"] or page.file)
        if path is None:
            raise web.HTTPNotFound(text="no such file\n")
        return web.FileResponse(path)


def _file_in(folder: Path, name: str) -> Path | None:
    """The file of a page; None for what is no file of a page, also for a link that leads out of its folder."""
    with suppress(OSError, ValueError, RuntimeError):
        path, home = (folder / name).resolve(strict=True), folder.resolve(strict=True)
        hidden = any(part.startswith(".") for part in Path(name).parts)
        if path.is_relative_to(home) and path.is_file() and path.suffix.lower() in _KINDS and not hidden:
            return path
    return None
