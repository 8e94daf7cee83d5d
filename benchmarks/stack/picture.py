"""Takes a picture of a page of Prefect's, in Chromium."""

from __future__ import annotations

import shutil
from pathlib import Path

from schemas.errors import ConfigError

_FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
_PATIENCE = 60_000  # milliseconds


def take_picture(url: str, password: str, path: str, file: Path) -> None:
    """Write a PNG of the page at `url` + `path`; `password` is what the server asks for, USER:PASSWORD.

    Raises ConfigError where no Chromium is installed.
    """
    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        raise ConfigError("no Chromium here; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_FLAGS, headless=True)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(_PATIENCE)
        page.goto(url)
        asked = page.locator("input[type=password]")
        asked.wait_for()
        asked.fill(password)
        asked.press("Enter")
        asked.wait_for(state="detached")
        page.goto(f"{url}{path}")
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(3000)  # its chart is drawn after the last answer
        page.screenshot(path=file)
        browser.close()
