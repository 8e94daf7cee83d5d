"""Refuses forbidden addresses and files that changed on the server, inside yt-dlp's own network calls."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
import weakref
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from yt_dlp.networking.exceptions import HTTPError, RequestError

from curation.sources import addresses
from schemas.config import DownloadConfig
from schemas.errors import RefusedError


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


def _path_key(url: str) -> str:
    """What identifies a file between two sessions: its path, since hosts and signatures change."""
    return hashlib.sha256(urlsplit(url).path.encode()).hexdigest()[:16]
