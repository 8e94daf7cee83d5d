"""A server in a thread of this process: its end closes every connection, also one whose client reads nothing."""

from __future__ import annotations

import gc
import socket
import time
import warnings

from aiohttp import web

from demo.server_thread import ServerThread


class Talks(ServerThread):
    """Sends more than a client's buffers hold."""

    def application(self) -> web.Application:
        async def talk(_request: web.Request) -> web.Response:
            return web.Response(body=b"x" * 50_000_000)

        made = web.Application()
        made.router.add_get("/", talk)
        return made


def test_a_connection_whose_client_reads_nothing_is_closed_with_the_server() -> None:
    """What is left open would be closed when Python finds it, in the middle of whatever runs then."""
    server = Talks()
    server.start()
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.recv(10) == b"HTTP/1.1 2"
        time.sleep(0.2)  # until its buffers are full
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            server.stop()
            gc.collect()
    assert [str(one.message) for one in told] == []
