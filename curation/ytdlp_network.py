"""yt-dlp with every connection vetted: addresses, schemes, page sizes and the wall time are held where it connects.

yt-dlp follows redirects and fetches manifests, fragments and subtitles by itself. So the check sits below it: a
connection is only opened to an address that was just resolved and allowed (a second DNS answer changes nothing),
and each hop of a redirect passes the scheme check. Handlers that connect on their own (curl, urllib, websockets)
are left out. When the wall time is over the sockets are shut, which ends even a server that drips bytes.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import re
import socket
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.connection import create_connection
from yt_dlp import YoutubeDL
from yt_dlp.extractor import gen_extractor_classes
from yt_dlp.networking._requests import RequestsRH
from yt_dlp.networking.exceptions import HTTPError, RequestError, TransportError

from curation import addresses
from curation.publishable import public_text
from schemas.config import DownloadConfig
from schemas.errors import RefusedError, TransientError

log = logging.getLogger(__name__)
MAX_PAGE = 64 * 10**6
_BLOCK = 1 << 20
_RANGE = re.compile(r"bytes=([0-9]+)-")


class AddressRefused(RequestError):  # type: ignore[misc]
    """A request that may not be made; yt-dlp passes it through as one of its own errors."""

    def __init__(self, error: RefusedError) -> None:
        """Keep the refusal as the cause."""
        super().__init__(str(error), cause=error)


class ChangedOnServer(RequestError):  # type: ignore[misc]
    """What would be resumed is not what was begun."""


class Guard:
    """The limits of one download: allowed addresses, wall time, and the identity of the file being resumed.

    `refused` is the first refusal, also where yt-dlp went on without what it had asked for; `recording` is set
    while media is fetched; `changed` tells that the file is another one than was begun; `http` is the last refusal
    by a server, whose headers yt-dlp does not always pass on.
    """

    def __init__(self, config: DownloadConfig, folder: Path, *, wall_seconds: float) -> None:
        """Start the clock."""
        self.config = config
        self.refused: RefusedError | None = None
        self.changed = False
        self.recording = False
        self.http: HTTPError | None = None
        self.http_of_media = False
        self.deadline = time.monotonic() + wall_seconds
        self._identity = folder / "identity.json"
        self._responses: list[Any] = []
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._timer = threading.Timer(wall_seconds, self._shut)
        self._timer.daemon = True

    def __enter__(self) -> Guard:
        """Watch the wall time."""
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop watching."""
        self._timer.cancel()
        self.release()

    @property
    def expired(self) -> bool:
        """Whether the wall time is over."""
        return time.monotonic() >= self.deadline

    def request(self, url: str) -> None:
        """Vet one hop of a request before it is sent. Raises AddressRefused."""
        try:
            addresses.check_scheme(url.partition(":")[0].lower(), self.config)
            addresses.parse(url)
        except RefusedError as error:
            raise self._refusal(error) from error

    def resolve(self, host: str, port: int) -> tuple[str, ...]:
        """Addresses that may be connected to. Raises AddressRefused and TransientError."""
        try:
            return addresses.resolve(host, port, self.config)
        except RefusedError as error:
            raise self._refusal(error) from error

    def opened(self, connection: socket.socket) -> None:
        """Remember a socket, so that the end of the wall time can shut it."""
        self._sockets.add(connection)
        if self.expired:
            self._shut()

    def track(self, response: Any) -> None:
        """Remember a response that somebody may forget to close, as extractors do that look at its beginning only."""
        self._responses = [known for known in self._responses if not known.closed]
        self._responses.append(response)

    def release(self) -> None:
        """Close all responses: whoever wanted to read them has."""
        for response in self._responses:
            response.close()
        self._responses.clear()

    def validator(self, url: str) -> str | None:
        """The ETag or date under which the file at this URL was begun, for If-Range."""
        known = self._known(url)
        return known.get("validator") if known else None

    def responded(self, url: str, start: int, response: Any) -> None:
        """Note the identity of a file as it begins. Raises ChangedOnServer when it goes on with another length."""
        if not self.recording:
            return
        headers = response.headers
        total = headers.get("Content-Range", "").rpartition("/")[2]
        length = total if total.isdigit() else headers.get("Content-Length")
        known = self._known(url)
        if response.status == 206 and start > 0 and known:
            if known.get("length") not in (None, length):
                self.changed = True
                raise ChangedOnServer(f"the file had {known['length']} bytes and has {length} now")
            return
        etag = headers.get("ETag", "")
        validator = etag if etag and not etag.startswith("W/") else headers.get("Last-Modified")
        identity = {"path": _path_key(url), "validator": validator, "length": length}
        fresh = self._identity.with_suffix(".new")
        fresh.write_text(json.dumps(identity))
        fresh.replace(self._identity)

    def _known(self, url: str) -> dict[str, str | None] | None:
        try:
            known = json.loads(self._identity.read_text())
        except (OSError, ValueError):
            return None
        return known if isinstance(known, dict) and known.get("path") == _path_key(url) else None

    def _refusal(self, error: RefusedError) -> AddressRefused:
        self.refused = self.refused or error
        return AddressRefused(error)

    def _shut(self) -> None:
        for connection in list(self._sockets):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # closed by its owner already


class _Connection(HTTPConnection):
    """A connection that goes only where its guard lets it."""

    guard: Guard

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

    def connect(self) -> None:
        super().connect()
        if self.sock is not None:
            self.guard.opened(self.sock)


class GuardedRH(RequestsRH):  # type: ignore[misc]
    """The request handler built on `requests`, with a guard below and above it."""

    def __init__(self, *, guard: Guard, **kwargs: Any) -> None:
        """Pass everything else on."""
        super().__init__(**kwargs)
        self._guard = guard
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
        send = session.send

        def vetted(request: Any, **settings: Any) -> Any:
            self._guard.request(request.url)
            return send(request, **settings)

        session.send = vetted
        return session

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
            raise
        self._guard.track(response)
        self._guard.responded(request.url, start, response)
        response.read = functools.partial(_bounded_read, response.read)
        return response


class GuardedYoutubeDL(YoutubeDL):  # type: ignore[misc]
    """A YoutubeDL whose only way to the network is a guarded one."""

    def __init__(self, params: dict[str, Any], guard: Guard) -> None:
        """Open with the options of yt-dlp; nothing is read from its configuration files."""
        self._guard = guard
        super().__init__(params)

    def add_default_info_extractors(self) -> None:
        """Offer the extractors that yt-dlp enables, in its order.

        Its own method searches lists for each of them, which cost 0.2 CPU-s a download (measured, 1750 extractors).
        """
        for extractor in gen_extractor_classes():
            if extractor._ENABLED:
                self.add_info_extractor(extractor)

    def build_request_director(self, handlers: Any, preferences: Any = None) -> Any:
        """Build the director with the guarded handler alone."""
        return super().build_request_director([functools.partial(GuardedRH, guard=self._guard)], preferences)


class DebugLog:
    """yt-dlp's logger: everything at debug level, without secrets of addresses."""

    def debug(self, message: str) -> None:
        """Log a message of any level."""
        if log.isEnabledFor(logging.DEBUG):
            log.debug("%s", public_text(str(message)))

    info = warning = error = debug


def _bounded_read(read: Callable[[int], bytes], amount: int | None = None) -> bytes:
    """Read a response: pages and manifests, which are read whole, only up to a limit."""
    if amount is not None:
        return read(amount)
    blocks, size = [], 0
    while block := read(_BLOCK):
        blocks.append(block)
        size += len(block)
        if size > MAX_PAGE:
            raise TransportError(f"a page of more than {MAX_PAGE} bytes")
    return b"".join(blocks)


def _path_key(url: str) -> str:
    """What identifies a file between two sessions: its path, since hosts and signatures change."""
    return hashlib.sha256(urlsplit(url).path.encode()).hexdigest()[:16]
