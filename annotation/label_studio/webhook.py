"""A doorbell for the review: Label Studio rings when somebody submits, and nothing that it says is believed.

A request with the right secret wakes whoever pulls, and does no more: its body is thrown away. So one that is sent
again, late, out of order, or by somebody who found the secret out brings nothing but a pull, which is harmless.
Label Studio signs nothing (1.23); it sends along a header that was registered, and shows it to its own users.
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
BODY_BYTES = 65_536  # ours have forty: the payload is not asked for
SECONDS = 5.0
_FILE = "webhook.secret"
# What strangers send is not worth a stack trace on the terminal. Not registered: a configuration of logging, such as
# Prefect's, would switch it on again.
_SILENT = logging.Logger("silent", logging.CRITICAL + 1)


def webhook_secret(workspace: Path) -> str:
    """The workspace's secret, 64 hex digits; made when there is none, or none that is whole."""
    path = review_folder(workspace) / _FILE
    if path.exists() and re.fullmatch(r"[0-9a-f]{64}", known := path.read_text(errors="replace").strip()):
        return known
    write_secret(path, secrets.token_hex(32))
    return path.read_text().strip()


@asynccontextmanager
async def receiving(host: str, port: int, secret: str, ring: Callable[[], object]) -> AsyncIterator[int]:
    """Listen on an address of this machine, and ring at each POST to PATH that brings the secret; yields the port.

    Anything else gets 400 to 431 and does nothing. A request has SECONDS for its head and as long for its body, of
    BODY_BYTES at most; others are served meanwhile. Port 0 is any free one. Raises ConfigError when it is taken.
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
        keepalive_timeout=SECONDS,  # also how long a head may take
        lingering_time=1.0,  # how long an unread body is read away, so that the answer arrives
        max_line_size=2048,
        max_field_size=4096,
        max_headers=64,
        auto_decompress=False,  # or little could become much
        shutdown_timeout=1.0,
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise ConfigError(f"port {port} of {host} cannot be listened on ({error.strerror}); --port") from error
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _close(status: int) -> web.Response:
    answer = web.Response(status=status)
    answer.force_close()
    return answer
