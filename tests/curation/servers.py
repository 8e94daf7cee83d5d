"""A local server that stands for video sites: files with Range, pages, HLS, and typical faults of servers."""

from __future__ import annotations

import functools
import hashlib
import re
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np

from curation.video.encode import encode_video

FRAGMENTS = 6
HOSTILE_TITLE = "../../../etc/<script>alert(1)</script>\u202e%(ext)s $HOME \\x00 " + "x" * 3000


@functools.cache
def make_video(folder: Path, suffix: str = ".mp4", seconds: int = 6, size: int = 64) -> bytes:
    """A video of noise, so that its file is large."""
    path = folder / f"film{seconds}x{size}{suffix}"
    random = np.random.default_rng(7)
    frames = (random.integers(0, 255, (size, size, 3), dtype=np.uint8) for _ in range(seconds * 5))
    encode_video(path, frames, fps=5, options={"qp": "28"})
    return path.read_bytes()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Ignore clients that close the connection."""


class VideoServer:
    """Serves on 127.0.0.1; `requests` are (method, path, Range, If-Range, Cookie) in order of arrival.

    `pages` are further answers by path: the type, the body, and further headers.
    """

    def __init__(self, folder: Path) -> None:
        self.mp4 = make_video(folder)
        self.ts = make_video(folder, ".ts")
        self.requests: list[tuple[str, str, str | None, str | None, str | None]] = []
        self.etag: str | None = '"one"'
        self.minds_if_range = True
        self.tells_length = True
        self.drops = True
        self.gone = False  # /video.mp4
        self.healed = False  # the playlist of holes has none
        self.embedded = "/video.mp4"  # what /embedding.html shows
        self.segment: str | None = None  # the names of the fragments, whatever the address of the playlist says
        self.other_mp4, self.other_ts = self.mp4, self.ts
        self.delivered: list[int] = []  # bytes of the bodies of files that a client took to their end
        self.gate = threading.Event()
        self.pages: dict[str, tuple[str, bytes, dict[str, str]]] = {}
        server = self

        class Handler(_Handler):
            site = server

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> VideoServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{path}"

    def paths(self) -> list[str]:
        return [path for _, path, *_ in self.requests]

    def count(self, path: str) -> int:
        return sum(seen.partition("?")[0] == path for seen in self.paths())


class _Handler(BaseHTTPRequestHandler):
    site: VideoServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_CONNECT(self) -> None:
        """A proxy's tunnel; the far end is not there."""
        self.site.requests.append((self.command, self.path, None, None, None))
        self._send(502, b"no such host")

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        headers = self.headers
        self.site.requests.append((self.command, self.path, headers["Range"], headers["If-Range"], headers["Cookie"]))
        parts = urlsplit(self.path)
        options = {key: values[0] for key, values in parse_qs(parts.query).items()}
        name = parts.path.strip("/").split("/")[0].partition(".")[0]
        try:
            if parts.path in self.site.pages:
                kind, body, more = self.site.pages[parts.path]
                self._send(200, body, kind, **more)
            else:
                getattr(self, f"_{name}", self._missing)(parts.path, options)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _send(self, status: int, body: bytes, kind: str = "text/html", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _missing(self, *_: object) -> None:
        self._send(404, b"nothing here")

    def _file(self, body: bytes, kind: str = "video/mp4", stop: int | None = None) -> None:
        """A file with ETag and Range; with `stop` the connection breaks after `stop` bytes of the body."""
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers["Range"] or "")
        unchanged = self.headers["If-Range"] in (None, self.site.etag) or not self.site.minds_if_range
        start, end = 0, len(body)
        if match and unchanged:
            start = int(match[1])
            end = min(int(match[2]) + 1 if match[2] else end, end)
            if start >= len(body):
                self._send(416, b"", Content_Range=f"bytes */{len(body)}")
                return
        self.send_response(206 if match and unchanged else 200)
        if match and unchanged:
            total = len(body) if self.site.tells_length else "*"
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{total}")
        for key, value in (("Content-Type", kind), ("Accept-Ranges", "bytes"), ("ETag", self.site.etag)):
            if value is not None:
                self.send_header(key, value)
        if self.site.tells_length:
            self.send_header("Content-Length", str(end - start))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command == "HEAD":
            return
        if stop is not None and start < stop < end:
            self.wfile.write(body[start:stop])
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
        else:
            self.wfile.write(body[start:end])
            self.site.delivered.append(end - start)

    def _video(self, path: str, options: dict[str, str]) -> None:
        if self.site.gone:
            self._missing()
        else:
            self._file(self.site.mp4)

    def _guarded(self, path: str, options: dict[str, str]) -> None:
        if options.get("token") == "valid":
            self._file(self.site.mp4)
        else:
            self._send(403, b"expired")

    def _dropping(self, path: str, options: dict[str, str]) -> None:
        """The connection breaks in the middle of the file, unless the download is resumed."""
        self._file(
            self.site.mp4, stop=None if self.headers["Range"] or not self.site.drops else len(self.site.mp4) // 2
        )

    def _other(self, path: str, options: dict[str, str]) -> None:
        """Another video than the others."""
        self._file(self.site.other_mp4)

    def _embedding(self, path: str, options: dict[str, str]) -> None:
        self._send(200, f'<title>page</title><video src="{self.site.embedded}"></video>'.encode())

    def _gated(self, path: str, options: dict[str, str]) -> None:
        """Waits after the first half until the gate opens, unless the download is resumed."""
        body = self.site.mp4
        if self.headers["Range"] or self.site.gate.is_set():
            self._file(body)
            return
        self.send_response(200)
        for key, value in (("Content-Type", "video/mp4"), ("Content-Length", str(len(body))), ("ETag", self.site.etag)):
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        self.wfile.flush()
        self.site.gate.wait(60)

    def _lying(self, path: str, options: dict[str, str]) -> None:
        self._file(b"<html><body>Please log in</body></html>" * 200)

    def _status(self, path: str, options: dict[str, str]) -> None:
        """`/status/503?after=1&fails=2`: this status for the first two requests; without `fails` always."""
        status = int(path.split("/")[2])
        if self.site.count(path) <= int(options.get("fails", "1000000")):
            self._send(status, b"no", **({"Retry_After": options["after"]} if "after" in options else {}))
        else:
            self._file(self.site.mp4)

    def _redirect(self, path: str, options: dict[str, str]) -> None:
        self._send(302, b"", Location=options["to"])

    def _page(self, path: str, options: dict[str, str]) -> None:
        tracks = '<track kind="subtitles" srclang="en" src="/words.vtt">' * ("track" in options)
        source = options.get("src", "/video.mp4?token=SECRET&part=1")
        title = HOSTILE_TITLE.replace("<", "&lt;")
        self._send(200, f'<title>{title}</title><video src="{source}">{tracks}</video>'.encode())

    def _several(self, path: str, options: dict[str, str]) -> None:
        self._send(200, b'<title>two</title><video src="/video.mp4?a"></video><video src="/video.mp4?b"></video>')

    def _plain(self, path: str, options: dict[str, str]) -> None:
        self._send(200, b"<title>text</title><p>no video here</p>")

    def _words(self, path: str, options: dict[str, str]) -> None:
        self._send(200, b"WEBVTT\n\n00:00.000 --> 00:02.000\nHello.\n", "text/vtt")

    def _hls(self, path: str, options: dict[str, str]) -> None:
        name = path.split("/")[2]
        if name == "index.m3u8":
            segment = self.site.segment or options.get("segment", "seg")
            lines = [f"#EXTINF:1,\n{segment}{k}.ts" for k in range(FRAGMENTS)]
            text = "\n".join(["#EXTM3U", "#EXT-X-VERSION:3", "#EXT-X-TARGETDURATION:1", *lines, "#EXT-X-ENDLIST", ""])
            self._send(200, text.encode(), "application/vnd.apple.mpegurl")
            return
        kind, number = re.fullmatch(r"([a-z]+)(\d+)\.ts", name).groups()
        film = self.site.other_ts if kind == "other" else self.site.ts
        size = -(-len(film) // FRAGMENTS)
        piece = film[int(number) * size : (int(number) + 1) * size]
        if kind == "hole" and int(number) == 3 and not self.site.healed:
            self._missing()
        elif kind == "gated" and int(number) == 3 and not self.site.gate.is_set():
            self.site.gate.wait(30)
        else:
            self._file(piece, "video/mp2t")

    def _drip(self, path: str, options: dict[str, str]) -> None:
        """Sends the headers at once, then a byte every 50 ms until the gate opens."""
        self.send_response(200)
        self.send_header("Content-Type", options.get("kind", "video/mp4"))
        self.send_header("Content-Length", str(10**7))
        self.end_headers()
        while not self.site.gate.is_set():
            self.wfile.write(b"x")
            time.sleep(0.05)


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
