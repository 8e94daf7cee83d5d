"""A proxy whose tunnels end here: sites that speak HTTPS only, each with answers in JSON, for the real yt-dlp."""

from __future__ import annotations

import datetime
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

PEERTUBE, NICONICO = "framatube.org", "www.nicovideo.jp"  # hosts that yt-dlp knows


def certificate(folder: Path) -> Path:
    """A file with a certificate of both hosts and its key; whoever trusts it trusts these hosts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in (PEERTUBE, NICONICO)]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "site.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


class Tunnel:
    """The proxy. `answers`: status and JSON by the path of a request; other paths are 404. `paths`: what was asked."""

    def __init__(self, pem: Path) -> None:
        self.answers: dict[str, tuple[int, Any]] = {}
        self.paths: list[str] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        tunnel = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_CONNECT(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.connection = context.wrap_socket(self.connection, server_side=True)
                self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
                self.close_connection = False

            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                tunnel.paths.append(path)
                status, value = tunnel.answers.get(path, (404, {}))
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def finish(self) -> None:
                super().finish()
                self.connection.close()  # the one of the tunnel; the server closes its own

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """Ignore clients that close the connection."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Tunnel:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def peertube(self, uuid: str, licence: str | None, channel: str = "Films") -> str:
        """Have a video on PeerTube under a licence; returns its address."""
        file = {"fileUrl": f"https://{PEERTUBE}/{uuid}.mp4", "resolution": {"label": "360p"}, "size": 9}
        stated = {"label": licence} if licence else None
        value = {"name": "A film", "files": [file], "licence": stated, "channel": {"displayName": channel}}
        self.answers[f"/api/v1/videos/{uuid}/"] = (200, value)
        return f"https://{PEERTUBE}/videos/watch/{uuid}"

    def niconico(self, name: str, code: str, reason: str) -> str:
        """Have Niconico refuse a video with a code and a reason of its own; returns its address."""
        value = {"meta": {"status": 400, "errorCode": code}, "data": {"reasonCode": reason}}
        self.answers[f"/api/watch/v3_guest/{name}"] = (400, value)
        return f"https://{NICONICO}/watch/{name}"
