"""The card in a real browser, in the Hub's manner: readable at 1440 and 390 pixels, on white and on dark."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt

from tests.annotation.browser import CHROMIUM, chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("release-card"),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]
PICTURES = os.environ.get("V2XUM_TEST_PICTURES")  # a folder: the screens are kept there, as docs/images has them
# What pages of the Hub do to a card, as far as it decides whether it can be read: a column, its letters, wide tables
# that scroll inside themselves, and pictures that are never wider than the column.
STYLE = """
body { margin: 0; font: 16px/1.6 system-ui, 'DejaVu Sans', sans-serif; }
main { max-width: 800px; margin: 0 auto; padding: 16px; overflow-wrap: break-word; }
img { max-width: 100%; height: auto; display: block; margin: 20px 0; }
table { display: block; max-width: 100%; width: max-content; overflow: auto; margin: 20px 0; }
table { border-collapse: collapse; font-size: 14px; }
th, td { border: 1px solid #8885; padding: 4px 10px; }
pre { overflow: auto; padding: 12px; background: #8882; }
code { font-size: 14px; }
blockquote { border-left: 4px solid #8886; margin-left: 0; padding-left: 12px; }
.dark { background: #0b0f19; color: #d1d5db; }
.dark a { color: #93c5fd; }
"""


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    assert CHROMIUM is not None
    with chromium(CHROMIUM) as opened:
        yield opened


@pytest.fixture(scope="module")
def page(folder: Path) -> Path:
    text = (folder / "README.md").read_text(encoding="utf-8").split("\n---\n", 1)[1]
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    path = folder.parents[2] / "card.html"
    head = f'<meta name="viewport" content="width=device-width"><base href="{folder.as_uri()}/">'
    path.write_text(
        f"<!doctype html><meta charset=utf-8>{head}<style>{STYLE}</style><body><main>{html}</main>", encoding="utf-8"
    )
    return path


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_card_can_be_read(browser: "Browser", page: Path, width: int, theme: str) -> None:
    shown = browser.new_page(viewport={"width": width, "height": 900})
    asked: list[str] = []
    shown.on("request", lambda request: asked.append(request.url))
    shown.goto(page.as_uri())
    shown.evaluate(f"document.body.className = '{theme}'")
    shown.wait_for_function("[...document.images].every(image => image.complete)", timeout=30_000)
    sizes = shown.evaluate(
        "[...document.images].map(image => [image.naturalWidth, image.clientWidth, image.alt.length])"
    )
    assert len(sizes) == 9
    for natural, drawn, alt in sizes:
        assert natural == 1440 and min(330, width - 40) <= drawn <= width and alt > 40
    assert shown.evaluate("document.documentElement.scrollWidth") <= width, "nobody must scroll sideways"
    assert all(url.startswith("file:") for url in asked), "the card loads nothing from elsewhere"
    if PICTURES:
        shown.screenshot(path=Path(PICTURES) / f"card-{width}-{theme}.png", full_page=True)
    shown.close()
