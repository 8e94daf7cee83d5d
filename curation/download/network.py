"""yt-dlp with a network layer that checks every connection: addresses, schemes, page sizes and the wall time.

yt-dlp follows redirects and fetches manifests, fragments and subtitles by itself, so the checks are below it. A
connection is opened only to an IP address that was just resolved and allowed (a second DNS answer changes nothing), and
each hop of a redirect passes the check of schemes. Where a proxy connects, each host is resolved and checked before the
proxy is asked. Handlers that connect on their own (curl, urllib, websockets) are
left out. At the end of the wall time the sockets are shut; this stops even a server that sends one byte at a time.
"""

from __future__ import annotations

import functools
import logging
import re
import socket
from collections.abc import Callable
from typing import Any

import yt_dlp.globals
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.connection import create_connection
from yt_dlp import YoutubeDL
from yt_dlp.extractor import gen_extractor_classes
from yt_dlp.networking._requests import RequestsRH
from yt_dlp.networking.exceptions import HTTPError, TransportError

from curation.download.guard import Guard
from schemas.errors import RefusedError, TransientError
from schemas.safe_text import public_text

log = logging.getLogger(__name__)
# Only installed and pinned code may run: no code from plug-in folders of the machine.
yt_dlp.globals.plugin_dirs.value = []
_BLOCK = 1 << 20
_PAGE_KEY = "download.max_page_megabytes"
_RANGE = re.compile(r"bytes=([0-9]+)-")


class _Watched(HTTPConnection):
    """A connection whose socket its guard can shut."""

    guard: Guard

    def connect(self) -> None:
        super().connect()
        if self.sock is not None:
            self.guard.opened(self.sock)


class _Connection(_Watched):
    """A connection that is opened only to IP addresses that its guard allows."""

    def _new_conn(self) -> socket.socket:
        problem: Exception | None = None
        try:
            ips = self.guard.resolve(self._dns_host, self.port)
        except TransientError as error:
            raise NewConnectionError(self, str(error)) from error
        for ip in ips:
            try:
                return create_connection(
                    (ip, self.port),
                    self.timeout,
                    source_address=self.source_address,
                    socket_options=self.socket_options,
                )
            except OSError as error:
                problem = error
        if isinstance(problem, TimeoutError):
            raise ConnectTimeoutError(self, f"Connection to {self.host} timed out") from problem
        raise NewConnectionError(self, f"Failed to establish a new connection: {problem}") from problem


def _watching(kind: type, guard: Guard) -> type:
    return type("ProxyConnection", (_Watched, kind), {"guard": guard})


class GuardedRH(RequestsRH):  # type: ignore[misc]
    """yt-dlp's request handler for `requests`; its guard checks each request and each connection."""

    def __init__(self, *, guard: Guard, **kwargs: Any) -> None:
        """Set the guard and pass the other arguments to yt-dlp's handler."""
        super().__init__(**kwargs)
        self._guard = guard
        self._watched: list[Any] = []
        plain = type("PlainConnection", (_Connection,), {"guard": guard})
        secure = type("SecureConnection", (_Connection, HTTPSConnection), {"guard": guard})
        self._pools = {
            "http": type("PlainPool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("SecurePool", (HTTPSConnectionPool,), {"ConnectionCls": secure}),
        }

    def _create_instance(self, **kwargs: Any) -> Any:
        session = super()._create_instance(**kwargs)
        for adapter in session.adapters.values():
            adapter.poolmanager.pool_classes_by_scheme = self._pools
            adapter.proxy_manager_for = functools.partial(self._watched_manager, adapter.proxy_manager_for)
        send = session.send

        def checked_send(request: Any, **settings: Any) -> Any:
            self._guard.request(request.url, proxied=any((settings.get("proxies") or {}).values()))
            return send(request, **settings)

        session.send = checked_send
        return session

    def _watched_manager(self, make: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """A manager of connections to a proxy, which the user chose: they are not checked, but they can be shut."""
        manager = make(*args, **kwargs)
        if manager not in self._watched:
            self._watched.append(manager)
            manager.pool_classes_by_scheme = {
                scheme: type("ProxyPool", (pool,), {"ConnectionCls": _watching(pool.ConnectionCls, self._guard)})
                for scheme, pool in manager.pool_classes_by_scheme.items()
            }
        return manager

    def _send(self, request: Any) -> Any:
        if self._guard.expired:
            raise TransportError("the wall time is over")
        begin = _RANGE.match(request.headers.get("Range", ""))
        start = int(begin.group(1)) if begin else 0
        validator = self._guard.validator(request.url) if start and self._guard.recording else None
        if validator is not None:
            request.headers["If-Range"] = validator
        try:
            response = super()._send(request)
        except HTTPError as error:
            self._guard.track(error.response)
            self._guard.http = error
            self._guard.http_of_media = self._guard.recording
            if error.status == 416:
                self._guard.beyond_the_end(start)
            raise
        self._guard.track(response)
        self._guard.responded(request.url, start, response)
        response.read = functools.partial(self._read, response.read)
        return response

    def _read(self, read: Callable[[int], bytes], amount: int | None = None) -> bytes:
        """Read a response. Without `amount` it is a page, a manifest or a subtitle, whose size is limited."""
        if amount is not None:
            return read(amount)
        limit = self._guard.config.max_page_megabytes
        blocks, size = [], 0
        while block := read(_BLOCK):
            blocks.append(block)
            size += len(block)
            if size > limit * 1e6:
                evidence = f"a page of more than {limit:g} MB; for a source that you trust, raise {_PAGE_KEY}"
                raise self._guard.refusal(RefusedError("page_too_large", evidence))
        page = b"".join(blocks)
        self._guard.read_whole(page)
        return page


class GuardedYoutubeDL(YoutubeDL):  # type: ignore[misc]
    """A YoutubeDL that reaches the network through the guarded handler only."""

    def __init__(self, params: dict[str, Any], guard: Guard) -> None:
        """Open yt-dlp with the options `params`; its configuration files are not read."""
        self._guard = guard
        super().__init__(params)

    def add_default_info_extractors(self) -> None:
        """Add the extractors that yt-dlp enables, in its order.

        yt-dlp's own method searches lists for each extractor: 0.2 CPU-seconds a download (measured, 1750 extractors).
        """
        for extractor in gen_extractor_classes():
            if extractor._ENABLED:
                self.add_info_extractor(extractor)

    def build_request_director(self, handlers: Any, preferences: Any = None) -> Any:
        """Build yt-dlp's request director with the guarded handler alone."""
        return super().build_request_director([functools.partial(GuardedRH, guard=self._guard)], preferences)


class DebugLog:
    """The logger of yt-dlp: it logs every message at debug level, without the secrets in addresses."""

    def debug(self, message: str) -> None:
        """Log a message of any level."""
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s", public_text(str(message)))

    info = warning = error = debug
