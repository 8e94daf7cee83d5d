"""The faulty ways in which the server ends a request: an error, no answer, half a body, or a slow body."""

from __future__ import annotations

import asyncio

from aiohttp import web

_PIECES = 10  # the pieces of a slow body
_KINDS = {400: "BadRequestError", 401: "AuthenticationError", 404: "NotFoundError", 429: "RateLimitError"}


def unauthorized() -> web.Response:
    """The answer to a request without the right key."""
    return web.json_response({"error": "Unauthorized"}, status=401)


def error_reply(status: int, message: str, retry_after: float = 1.0) -> web.Response:
    """An error as vLLM writes it; a 429 has a Retry-After header."""
    headers = {"Retry-After": f"{retry_after:g}"} if status == 429 else None
    kind = _KINDS.get(status, "InternalServerError")
    error = {"message": message, "type": kind, "param": None, "code": status}
    return web.json_response({"error": error}, status=status, headers=headers)


def hang_up(request: web.Request) -> web.Response:
    """End the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def half(request: web.Request, data: bytes) -> web.StreamResponse:
    """Send half of a body, then end the connection."""
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(data))})
    await response.prepare(request)
    await response.write(data[: len(data) // 2])
    if request.transport is not None:
        request.transport.close()
    return response


async def trickle(request: web.Request, data: bytes, seconds: float) -> web.StreamResponse:
    """Send a body in pieces over `seconds`."""
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(data))})
    await response.prepare(request)
    size = -(-len(data) // _PIECES)
    for start in range(0, len(data), size):
        await asyncio.sleep(seconds / _PIECES)
        await response.write(data[start : start + size])
    await response.write_eof()
    return response
