"""The pages of a workspace are served from their folders, and nothing beside them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from curation.workspace import Workspace
from flows.local import page_server
from flows.local.page_server import serve_pages
from flows.local.workspace_pages import find_pages
from schemas.errors import ConfigError

Use = Callable[[aiohttp.ClientSession, str], Awaitable[None]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a workspace in it, a report, an evaluation beside it, and what nobody may see."""
    home = tmp_path / "mine <b>"
    report, measured = home / "workspace" / "report", home / "trained" / "evaluation"
    for folder in (report, measured, home / "workspace" / "review"):
        folder.mkdir(parents=True)
    (report / "report.html").write_text("<p>the report</p>")
    (measured / "report.html").write_text("<p>measured</p>")
    (measured / "evaluation.json").write_text("{}")
    (measured / "vectors.sqlite").write_text("secret")
    (home / "workspace" / "config.json").write_text("secret")
    (report / "away.html").symlink_to(home / "workspace" / "config.json")
    (report / ".hidden.html").write_text("secret")
    return home


def serving(home: Path, use: Use, port: int | None = None) -> None:
    """Serve the pages while `use` asks for them."""

    async def run() -> None:
        stop, address = asyncio.Event(), asyncio.get_running_loop().create_future()
        look = lambda: find_pages(Workspace(home / "workspace"), home)  # noqa: E731
        task = asyncio.create_task(serve_pages(look, port, address.set_result, stop))
        await asyncio.wait({task, address}, return_when=asyncio.FIRST_COMPLETED)
        if address.done():
            async with aiohttp.ClientSession() as session:
                await use(session, address.result())
        stop.set()
        await task

    asyncio.run(asyncio.wait_for(run(), 60))


def test_the_index_links_what_is_there_and_says_how_to_make_the_rest(home: Path) -> None:
    async def use(session: aiohttp.ClientSession, address: str) -> None:
        async with session.get(address) as answer:
            text = await answer.text()
        assert 'href="/1/report.html">The report of the run' in text
        assert 'href="/2/report.html">Evaluation: trained/evaluation' in text
        assert "v2xum review report" in text and "v2xum browse" in text and "<b>" not in text
        for path, body in (("1/report.html", "the report"), ("2/", "measured")):
            async with session.get(address + path) as answer:
                assert answer.status == 200 and body in await answer.text()
                assert answer.headers["X-Content-Type-Options"] == "nosniff"

    serving(home, use)


def test_no_path_leads_out_and_no_other_host_is_answered(home: Path) -> None:
    hostile = (
        *("1/../config.json", "1/%2e%2e/config.json", "1/..%2fconfig.json", "1//etc/passwd", "1/%2fetc%2fpasswd"),
        *("1/away.html", "1/.hidden.html", "1/%00", "2/vectors.sqlite", "3/x", "0/report.html", "config.json"),
    )

    async def use(session: aiohttp.ClientSession, address: str) -> None:
        for path in hostile:
            async with session.get(URL(address + path, encoded=True)) as answer:
                assert answer.status == 404 and "secret" not in await answer.text(), path
        async with session.get(address, headers={"Host": "rebound.example"}) as answer:
            assert answer.status == 403

    serving(home, use)


def test_a_free_port_is_taken_where_the_usual_one_is_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        used = other.getsockname()[1]
        monkeypatch.setattr(page_server, "PORT", used)

        async def use(session: aiohttp.ClientSession, address: str) -> None:
            assert URL(address).port != used
            async with session.get(address) as answer:
                assert answer.status == 200

        serving(home, use)
        with pytest.raises(ConfigError, match=f"--port {used}: .*in use.*; give another port"):
            serving(home, use, port=used)
