"""A page of a release, and a browser that opens it and tells every fault."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from curation.release.browse.make import make_site
from tests.annotation.browser import CHROMIUM, chromium
from tests.curation.release.browse.folders import release_folder
from tests.curation.release.browse.pages import HOSTILE, MADE, PATIENCE, Open, with_address

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browse")
    release_folder(folder / "release", MADE, with_address, title=HOSTILE[0])
    make_site(folder / "release", folder / "page #1 %20ä")
    return folder / "page #1 %20ä"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None
    with chromium(CHROMIUM) as opened:
        yield opened


@pytest.fixture(scope="module")
def http(site: Path) -> Iterator[str]:
    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/index.html"
    server.shutdown()
    server.server_close()


@pytest.fixture
def opened(browser: Browser, site: Path) -> Iterator[Open]:
    """Opens the page; fails when the browser reports an error, a refused load, or a request to somewhere else."""
    contexts, faults = [], []

    def open_page(hash_: str = "", *, address: str | None = None, size: tuple[int, int] = (1280, 900)) -> Page:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        start = address or (site / "index.html").as_uri()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
        page.on("dialog", lambda dialog: faults.append(dialog.message))
        inside = start.removesuffix("index.html")
        page.on("request", lambda r: None if r.url.startswith(inside) else faults.append(f"asked for {r.url}"))
        page.goto(start + hash_)
        page.locator("html[data-ready=yes]").wait_for(state="attached")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []
