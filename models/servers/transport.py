"""Sends HTTP requests to model servers with aiohttp.

It bounds every body, limits the time of the whole request (not only the wait for each byte), distinguishes the faults,
follows no redirect (it would hand on the API key) and uses no proxy for this machine.
"""

from __future__ import annotations

import functools
import ipaddress
import os
import urllib.request
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from models.servers.failures import Fault, RequestFailed, log_line, proxy_fault, status_fault
from schemas.errors import ConfigError

# The longest reply of a model has 100 kB; a list of the tokens of a long prompt has megabytes.
LONGEST_REPLY, LONGEST_BODY = 2 * 2**20, 8 * 2**20
_CONNECT_SECONDS = 10.0
# uvicorn closes idle connections after 5 seconds: a connection that is about to be closed must not be used again.
_KEEP_ALIVE_SECONDS = 4.0


class Transport:
    """Connections to servers, which are kept open, and the API key. Make, use and close it within one event loop."""

    def __init__(self, key: str | None) -> None:
        """`key` is sent with every request, when there is one. No connection is opened yet."""
        self._key = key or ""
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "v2xum-curator"}
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEP_ALIVE_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=headers | ({"Authorization": f"Bearer {key}"} if key else {}),
            trust_env=False,
        )

    async def get(self, url: str, seconds: float) -> bytes:
        """The body of the answer to GET. Raises RequestFailed."""
        return await self._send("GET", url, None, {}, seconds, LONGEST_BODY)

    async def post(
        self,
        url: str,
        body: bytes,
        seconds: float,
        *,
        request_id: str | None = None,
        longest: int = LONGEST_REPLY,
        content_type: str = "application/json",
    ) -> bytes:
        """Post a body and return the body of the answer, which may have `longest` bytes.

        `seconds` limits the whole request; `request_id` is sent as X-Request-Id. Raises RequestFailed, whose fault says
        whether the connection failed, no complete answer came in time, the answer is not HTTP or too long, or its
        status is not 2xx.
        """
        headers = {"Content-Type": content_type}
        if request_id is not None:
            headers["X-Request-Id"] = request_id
        return await self._send("POST", url, body, headers, seconds, longest)

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def _send(
        self, method: str, url: str, body: bytes | None, headers: dict[str, str], seconds: float, longest: int
    ) -> bytes:
        try:
            async with self._session.request(
                method,
                _parsed(url),
                data=body,
                headers=headers,
                allow_redirects=False,
                timeout=_timeout(seconds),
                proxy=proxy_of(url),
            ) as response:
                data = await _read(response.content, longest)
                status, wait = response.status, response.headers.get("Retry-After")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise RequestFailed(self._fault(error, seconds)) from error
        if data is None:
            raise RequestFailed(Fault("bad_response", f"a reply of more than {longest} bytes"))
        if not 200 <= status < 300:
            raise RequestFailed(status_fault(status, data, wait, self._key))
        return data

    def _fault(self, error: Exception, seconds: float) -> Fault:
        """The fault that an error of aiohttp stands for."""
        if isinstance(error, aiohttp.ClientHttpProxyError):
            return proxy_fault(error.status)  # its own text repeats the proxy's address, with the password
        if isinstance(error, aiohttp.InvalidURL):
            return Fault("connection", "its address, or the environment's proxy for it, is no URL", reached=False)
        said = log_line(str(error), self._key)
        of_tls = isinstance(error, aiohttp.ClientSSLError)  # its number is of the TLS library
        if isinstance(error, aiohttp.ClientConnectorError) and not of_tls and (error.os_error.errno or 0) > 0:
            said = os.strerror(error.os_error.errno or 0)  # aiohttp's own text names no reason
        if isinstance(error, aiohttp.ConnectionTimeoutError | aiohttp.ClientConnectorError):
            return Fault("connection", f"cannot connect: {said}", reached=False)
        if isinstance(error, TimeoutError):
            return Fault("timeout", f"no complete reply within {seconds:g} s")
        if isinstance(error, aiohttp.ClientConnectionError | aiohttp.ClientPayloadError | OSError):
            return Fault("connection", f"connection lost: {said or 'the connection was closed'}")
        return Fault("bad_response", said)


async def _read(stream: aiohttp.StreamReader, longest: int) -> bytes | None:
    """The whole body; None when it has more than `longest` bytes, of which no more are then read."""
    data = await stream.readany()
    if stream.is_eof() and len(data) <= longest:  # nearly every reply arrives whole
        return data
    parts, size = [data], len(data)
    while size <= longest:
        data = await stream.readany()
        if not data:
            return b"".join(parts)
        parts.append(data)
        size += len(data)
    return None


def api_key(variable: str) -> str | None:
    """The API key in the environment, if there is one. Raises ConfigError for a key that no header can carry."""
    key = os.environ.get(variable, "").strip()
    if not key.isascii() or not key.isprintable():
        raise ConfigError(f"the environment variable {variable} holds characters that no API key has")
    return key or None


@functools.lru_cache(maxsize=256)
def _parsed(url: str) -> URL:
    return URL(url)


@functools.lru_cache(maxsize=16)
def _timeout(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds, sock_connect=_CONNECT_SECONDS)


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
