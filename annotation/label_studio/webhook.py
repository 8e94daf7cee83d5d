"""Receives Label Studio's webhook, which only tells that somebody submitted something: a doorbell.

A request with the right secret starts a pull and nothing else; its body is thrown away. So a request that comes twice,
late, out of order, or from somebody who learned the secret only causes a pull, which is harmless. Label Studio (1.23)
does not sign its requests; it sends a header that we register, and shows that header to its users.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import re
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from annotation.label_studio.access import review_folder, write_secret
from schemas.errors import ConfigError

HEADER = "X-V2xum-Secret"
PATH = "/v2xum/review"
BODY_BYTES = 65_536  # an expected request has forty bytes, because the webhook sends no payload
SECONDS = 5.0
_FILE = "webhook.secret"
# Requests of strangers must not print stack traces on the terminal. The logger is not registered, because a
# configuration of logging, such as Prefect's, would switch a registered logger on again.
_SILENT = logging.Logger("silent", logging.CRITICAL + 1)


def webhook_secret(workspace: Path) -> str:
    """The workspace's secret, 64 hex digits. It is made and stored when the file is missing or damaged."""
    path = review_folder(workspace) / _FILE
    if path.exists() and re.fullmatch(r"[0-9a-f]{64}", known := path.read_text(errors="replace").strip()):
        return known
    write_secret(path, secrets.token_hex(32))
    return path.read_text().strip()


@asynccontextmanager
async def receiving(host: str, port: int, secret: str, ring: Callable[[], object]) -> AsyncIterator[int]:
    """Listen on an address of this machine and call `ring` for each POST to PATH with the secret; yields the port.

    Every other request gets a status from 400 to 431 and has no effect. A request has SECONDS for its head and SECONDS
    for its body of at most BODY_BYTES; other requests are served meanwhile. Port 0 means any free port. Raises
    ConfigError when the port is taken.
    """

    async def answer(request: web.Request) -> web.Response:
        given = request.headers.get(HEADER, "").encode(errors="surrogateescape")
        if not hmac.compare_digest(given, secret.encode()):
            return _close(403)
        if (request.content_length or 0) > BODY_BYTES:
            return _close(413)
        try:
            async with asyncio.timeout(SECONDS):
                await request.read()
        except TimeoutError:
            return _close(408)
        except web.HTTPRequestEntityTooLarge:
            return _close(413)
        ring()
        return _close(204)

    app = web.Application(client_max_size=BODY_BYTES)
    app.router.add_post(PATH, answer)
    runner = web.AppRunner(
        app,
        access_log=None,
        logger=_SILENT,
        keepalive_timeout=SECONDS,  # also limits the time for a head
        lingering_time=1.0,  # reads the rest of a body for so long, so that the answer arrives
        max_line_size=2048,
        max_field_size=4096,
        max_headers=64,
        auto_decompress=False,  # a small compressed body could become a large one
        shutdown_timeout=1.0,
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise ConfigError(f"port {port} of {host} is not usable ({error.strerror}); give another --port") from error
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _close(status: int) -> web.Response:
    answer = web.Response(status=status)
    answer.force_close()
    return answer
