"""The stand-in Hub: a server on 127.0.0.1 that speaks the Hub's protocol with huggingface_hub, hf_xet and datasets.

In a test:   with serve(folder) as hub: ... HF_ENDPOINT=hub.url, HF_TOKEN=WRITE_TOKEN ... hub.repositories["me/films"]
By hand:     python -m demo.hub --port 8010 --root data/hub     (prints the environment that a client needs)

Repositories are kept in memory, contents in the folder. What it does not have: pull requests, models and spaces, the
viewer. What it does as the Hub does: commits are whole or not there, branches, tags, tokens and roles, private and
gated repositories, .gitattributes, pages of lists, and limits of a request. faults.py makes it fail.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path

from aiohttp import web

from demo.hub.accounts import DEFAULT_ACCOUNTS, WRITE_TOKEN, Account
from demo.hub.faults import Fault, Faults
from demo.hub.files import FileRoutes
from demo.hub.refs import RefRoutes
from demo.hub.refusals import Refusal
from demo.hub.state import HubState
from demo.server_thread import ServerThread

_LARGEST = 2**31  # bytes of one body
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Hub(HubState, ServerThread):
    """The server. `start` and `stop` may be called again and again; port and repositories stay the same.

    `requests` are all requests so far, as `METHOD PATH`. `on_request` is called with that text, and with "before" or
    "after", around the work of each request; a test may kill a client there.
    """

    def __init__(self, root: Path, accounts: Mapping[str, Account] = DEFAULT_ACCOUNTS, port: int = 0) -> None:
        """Make the server; it does not listen yet. Port 0 is a free port."""
        HubState.__init__(self, root, accounts, port)
        ServerThread.__init__(self, port)
        self.faults = Faults()
        self.requests: list[str] = []
        self.on_request: Callable[[str, str], None] = lambda _request, _when: None

    def environment(self, home: Path, token: str | None = WRITE_TOKEN) -> dict[str, str]:
        """The environment variables of a client of this server, whose caches lie in the folder `home`."""
        variables = {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_OFFLINE": "0",
        }
        return variables | ({"HF_TOKEN": token} if token is not None else {})

    def application(self) -> web.Application:
        """The routes of the Hub."""
        app = web.Application(client_max_size=_LARGEST, middlewares=[self._guard])
        RefRoutes(self).add(app)
        FileRoutes(self).add(app)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count a request, let it meet its fault, and turn refusals into answers."""
        asked = f"{request.method} {request.path}"
        self.requests.append(asked)
        fault = self.faults.draw(asked)
        self.on_request(asked, "before")
        if fault is not None and fault.kind == "drop":
            return _hang_up(request)
        if fault is not None and fault.kind == "status":
            return Refusal(fault.status, fault.message, fault.code, fault.headers).response()
        try:
            answer = await handler(request)
        except Refusal as error:
            answer = error.response()
        self.on_request(asked, "after")
        return answer if fault is None else await _broken(request, answer, fault)


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _broken(request: web.Request, answer: web.StreamResponse, fault: Fault) -> web.StreamResponse:
    """End the connection before the answer, or in its middle."""
    if fault.kind == "half" and isinstance(answer, web.Response) and isinstance(answer.body, bytes):
        begun = web.StreamResponse(status=answer.status, headers={"Content-Length": str(len(answer.body))})
        await begun.prepare(request)
        await begun.write(answer.body[: len(answer.body) // 2])
        await asyncio.sleep(0.05)
        if request.transport is not None:
            request.transport.abort()
        return begun
    return _hang_up(request)


@contextlib.contextmanager
def serve(root: Path, accounts: Mapping[str, Account] = DEFAULT_ACCOUNTS, port: int = 0) -> Iterator[Hub]:
    """Run a stand-in Hub in a thread of this process until the block ends; contents lie in the folder `root`."""
    hub = Hub(root, accounts, port)
    hub.start()
    try:
        yield hub
    finally:
        hub.stop()
