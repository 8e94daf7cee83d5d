"""The checks of one attempt inside yt-dlp's network calls: allowed addresses, wall time, and an unchanged file."""

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
from curation.store.files import write_whole
from schemas.configuration.config import DownloadConfig
from schemas.errors import RefusedError


class Refused(RequestError):  # type: ignore[misc]
    """A request or an answer that is not allowed; yt-dlp passes it through as one of its own errors."""

    def __init__(self, error: RefusedError) -> None:
        """Keep the refusal as the cause."""
        super().__init__(str(error), cause=error)


class ChangedOnServer(RequestError):  # type: ignore[misc]
    """The file on the server is not the file that the unfinished download began with."""


class Guard:
    """The limits of one attempt: allowed addresses, wall time, and the identity of the file that is resumed.

    `refused` is the first refusal (an address, or a page), also when yt-dlp continued without it. `recording` is set
    while media are fetched. `changed` says that the file on the server is not the one that was begun. `http` is the
    last answer of a server that was an error, because yt-dlp does not always pass its headers on; `http_of_media` says
    whether it came while media were fetched. `resumed_from` are the bytes of an unfinished file that the download
    goes on from, 0 for none; `resumed_fragments` says that a download of fragments goes on.
    """

    def __init__(self, config: DownloadConfig, folder: Path, *, wall_seconds: float) -> None:
        """Start the clock: the deadline is `wall_seconds` from now. `folder` keeps the unfinished download."""
        self.config = config
        self.refused: RefusedError | None = None
        self.changed = False
        self.recording = False
        self.http: HTTPError | None = None
        self.http_of_media = False
        self.resumed_from = 0
        self.resumed_fragments = False
        self.deadline = time.monotonic() + wall_seconds
        self._identity = folder / "identity.json"
        self._proxied_hosts: set[tuple[str, int]] = set()
        self._playlist = folder / "playlist.json"
        self._responses: list[Any] = []
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._timer = threading.Timer(wall_seconds, self._shut)
        self._timer.daemon = True

    def __enter__(self) -> Guard:
        """Start the timer that shuts the sockets at the deadline."""
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the timer and close all responses."""
        self._timer.cancel()
        self.release()

    @property
    def expired(self) -> bool:
        """Whether the wall time is over."""
        return time.monotonic() >= self.deadline

    def request(self, url: str, *, proxied: bool) -> None:
        """Check the URL of one hop of a request before it is sent. Raises Refused.

        With `proxied` nobody here connects to the host: its addresses are checked now, before the proxy is asked.
        """
        try:
            addresses.check_scheme(url.partition(":")[0].lower(), self.config)
            host = addresses.parse(url)[1:3]
            if proxied and host not in self._proxied_hosts:
                addresses.check(url, self.config, proxied=True)
                self._proxied_hosts.add(host)
        except RefusedError as error:
            raise self.refusal(error) from error

    def resolve(self, host: str, port: int) -> tuple[str, ...]:
        """The IP addresses of a host that may be connected to. Raises Refused and TransientError."""
        try:
            return addresses.resolve(host, port, self.config)
        except RefusedError as error:
            raise self.refusal(error) from error

    def opened(self, connection: socket.socket) -> None:
        """Keep an open socket, so that it can be shut at the deadline."""
        self._sockets.add(connection)
        if self.expired:
            self._shut()

    def track(self, response: Any) -> None:
        """Keep a response, to close it later: extractors that read only its beginning may forget to close it."""
        self._responses = [known for known in self._responses if not known.closed]
        self._responses.append(response)

    def release(self) -> None:
        """Close all responses; nothing will be read from them any more."""
        for response in self._responses:
            response.close()
        self._responses.clear()

    def validator(self, url: str) -> str | None:
        """The ETag or the date that the file at this URL had when its download began, for the header If-Range."""
        known = self._known(url)
        return known.get("validator") if known else None

    def responded(self, url: str, start: int, response: Any) -> None:
        """Note the identity of a media file when its download begins; `start` is the first byte that was asked for.

        Raises ChangedOnServer when bytes would be joined to those of another file: another length, ETag or date than
        before, or no proof at all that the file is the same.
        """
        if not self.recording:
            return
        headers, partial = response.headers, response.status == 206
        total = headers.get("Content-Range", "").rpartition("/")[2]
        length = total if total.isdigit() else None if partial else headers.get("Content-Length")
        known = self._known(url)
        resumed = 0 < start == self.resumed_from
        if partial and start > 0 and (known or resumed):
            self._require_same(known, length, headers, strictly=resumed)
            return
        etag = headers.get("ETag", "")
        validator = etag if etag and not etag.startswith("W/") else headers.get("Last-Modified")
        identity = {"path": _path_key(url), "validator": validator, "length": length}
        write_whole(self._identity, json.dumps(identity))

    def beyond_the_end(self, start: int) -> None:
        """Note that the server has no byte `start`. Raises ChangedOnServer when an unfinished file was to go on there.

        The last byte of an unfinished file is asked for again, so a whole file is not the reason.
        """
        if self.recording and 0 < start == self.resumed_from:
            raise self._changed(f"the unfinished file has {start} bytes, and the server's file is not longer")

    def read_whole(self, content: bytes) -> None:
        """Look at a page that was read while media are fetched: fragments of two playlists must not be joined.

        Raises ChangedOnServer when an unfinished download began with another playlist.
        """
        if not self.recording or not content.lstrip(b"\xef\xbb\xbf \r\n").startswith(b"#EXTM3U"):
            return
        listed = playlist_key(content)
        try:
            known = self._playlist.read_text()
        except OSError:
            known = ""
        if self.resumed_fragments and known != listed:
            raise self._changed("the playlist is not the one that the unfinished download began with")
        write_whole(self._playlist, listed)

    def _require_same(
        self, known: dict[str, str | None] | None, length: str | None, headers: Any, *, strictly: bool
    ) -> None:
        """Raise ChangedOnServer when the answer is about another file than `known`; strictly, also without a proof."""
        if known is None:
            raise self._changed("the unfinished file belongs to another address")
        before, validator = known.get("length"), known.get("validator")
        if None not in (before, length) and before != length:
            raise self._changed(f"the file had {before} bytes and has {length} now")
        now = headers.get("ETag" if validator and validator.startswith('"') else "Last-Modified")
        if None not in (validator, now) and now != validator:
            raise self._changed("the file has another ETag or date than before")
        if strictly and validator is None and None in (before, length):
            raise self._changed("nothing tells whether the file is the one that was begun")

    def _changed(self, evidence: str) -> ChangedOnServer:
        self.changed = True
        return ChangedOnServer(evidence)

    def _known(self, url: str) -> dict[str, str | None] | None:
        try:
            known = json.loads(self._identity.read_text())
        except (OSError, ValueError, RecursionError):
            return None
        return known if isinstance(known, dict) and known.get("path") == _path_key(url) else None

    def refusal(self, error: RefusedError) -> Refused:
        """Note a refusal, and make the error of yt-dlp that carries it."""
        self.refused = self.refused or error
        return Refused(error)

    def _shut(self) -> None:
        for connection in list(self._sockets):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # its owner closed it already


def _path_key(url: str) -> str:
    """A hash of the URL's path: it identifies a file in a later run, when host and signature may have changed."""
    return hashlib.sha256(urlsplit(url).path.encode()).hexdigest()[:16]


def playlist_key(content: bytes) -> str:
    """A hash of what an HLS playlist lists: durations, byte ranges and names of fragments, without folders and queries.

    Servers sign folders and queries anew for each visit.
    """
    listed = []
    for line in content.decode("utf-8", "replace").splitlines():
        text = line.strip()
        if text.startswith(("#EXTINF:", "#EXT-X-BYTERANGE:")):
            listed.append(text.partition(",")[0])
        elif text and not text.startswith("#"):
            listed.append(fragment_name(text))
    return hashlib.sha256("\n".join(listed).encode("utf-8", "replace")).hexdigest()


def fragment_name(url: str) -> str:
    """The last part of the path of a fragment's URL, which may be relative."""
    return url.partition("#")[0].partition("?")[0].rpartition("/")[2]
