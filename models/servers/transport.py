"""The HTTP transport under the `openai` SDK, made with aiohttp.

The SDK's own transports cost two to three times the CPU, read bodies of any length, and report a lost connection as a
time-out. This transport bounds the body, limits the time of the whole request (not only the wait for each byte),
distinguishes the faults, follows no redirect (it would hand on the API key) and uses no proxy for this machine.
"""

from __future__ import annotations

import functools
import ipaddress
import urllib.request
from urllib.parse import urlsplit

import aiohttp
import httpx2
from yarl import URL

# The longest reply of a model has 100 kB; a list of the tokens of a long prompt has megabytes.
LONGEST_REPLY, LONGEST_BODY = 2 * 2**20, 8 * 2**20
_CONNECT_SECONDS = 10.0
# uvicorn closes idle connections after 5 seconds: a connection that is about to be closed must not be used again.
_KEEP_ALIVE_SECONDS = 4.0
_CHUNK = 2**16
_SENT = frozenset({b"authorization", b"content-type", b"accept", b"user-agent", b"x-request-id"})


class OversizedBody(httpx2.DecodingError):
    """A body is longer than any reply of a model can be."""


class Transport(httpx2.AsyncBaseTransport):
    """A session of connections that are kept open. Make, use and close it within one event loop."""

    def __init__(self) -> None:
        """Open no connection yet."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request whose body is in memory, and read the reply's body to its end.

        At most 2 MiB are read of a chat completion, and 8 MiB of any other answer.

        Raises ConnectError, ConnectTimeout, ReadTimeout (the whole request took longer than the read timeout),
        ReadError (the connection was lost), RemoteProtocolError (the answer is not HTTP), OversizedBody.
        """
        address = str(request.url)
        seconds = request.extensions.get("timeout", {}).get("read")
        timeout = aiohttp.ClientTimeout(total=seconds, sock_connect=_CONNECT_SECONDS)
        headers = [(k.decode(), v.decode()) for k, v in request.headers.raw if k.lower() in _SENT]
        headers.append(("Accept-Encoding", "identity"))
        try:
            async with self._session.request(
                request.method,
                _parsed(address),
                data=request.content or None,
                headers=headers,
                allow_redirects=False,
                timeout=timeout,
                proxy=proxy_of(address),
            ) as response:
                body = await _read(response.content, request)
                kept = [(k, v) for k, v in response.headers.items() if k.lower() in ("content-type", "retry-after")]
                return httpx2.Response(response.status, headers=kept, content=body, request=request)
        except aiohttp.ConnectionTimeoutError as error:
            raise httpx2.ConnectTimeout(str(error), request=request) from error
        except TimeoutError as error:
            raise httpx2.ReadTimeout(f"no complete reply within {seconds:g} s", request=request) from error
        except aiohttp.ClientConnectorError as error:
            raise httpx2.ConnectError(str(error), request=request) from error
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError) as error:
            raise httpx2.ReadError(str(error) or "the connection was closed", request=request) from error
        except aiohttp.ClientError as error:
            raise httpx2.RemoteProtocolError(str(error), request=request) from error

    async def aclose(self) -> None:
        """Close all connections."""
        await self._session.close()


async def _read(stream: aiohttp.StreamReader, request: httpx2.Request) -> bytes:
    limit = LONGEST_REPLY if request.url.path.endswith("/chat/completions") else LONGEST_BODY
    parts: list[bytes] = []
    size = 0
    async for part in stream.iter_chunked(_CHUNK):
        size += len(part)
        if size > limit:
            raise OversizedBody(f"a reply of more than {limit} bytes", request=request)
        parts.append(part)
    return b"".join(parts)


@functools.lru_cache(maxsize=256)
def _parsed(address: str) -> URL:
    return URL(address, encoded=True)


@functools.lru_cache(maxsize=256)
def proxy_of(address: str) -> str | None:
    """The proxy that the environment names for an address; None for an address of this machine."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    if _is_here(host) or urllib.request.proxy_bypass(host):
        return None
    return urllib.request.getproxies().get(parts.scheme)


def _is_here(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
