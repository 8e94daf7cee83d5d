"""The samples of the page that tests open in a browser, and what tests read off the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from schemas.records import SampleScores
from tests.annotation.browser import CHROMIUM
from tests.curation.samples import make_sample

if TYPE_CHECKING:
    from playwright.sync_api import Page

IN_CHROMIUM = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]
Open = Callable[..., "Page"]
PATIENCE = 30_000
HOSTILE = (
    "</script><script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "\u202egnp.exe \u2066hidden\u2069",
    "one\u2028two\u2029three",
    "${alert(1)} {{7*7}} `x` \\u003c",
    "__proto__",
)
WATCH = "https://www.youtube.com/watch?v=abc123DEF45&list=x"
ADDRESSES = {"v001": WATCH, "v002": "javascript:alert(1)", "v003": "https://films.example/a%20b.mp4?x=1#old"}
MADE = [
    make_sample(
        f"v{number:03d}",
        frames=8 + number,
        keyframes=(0, 3, 7),
        title=HOSTILE[number - 40] if 40 <= number < 40 + len(HOSTILE) else f"Film {number} of the Café",
        captions=("a red kite", HOSTILE[0], "東京タワー at night") if number % 3 == 0 else ("a blue boat", "two cooks"),
        scores=SampleScores(grounding=(number * 7 % 50) / 100, unsupported=(number % 5) / 10) if number % 9 else None,
        language=("en", "ja", None)[number % 3],
        licence=("CC BY", HOSTILE[1])[number % 2],
        webpage_url=ADDRESSES.get(f"v{number:03d}", f"https://youtu.be/id{number:09d}"),
    )
    for number in range(70)
]


def with_address(row: dict[str, Any]) -> dict[str, Any]:
    """The address as somebody else's release may have it: rows of this program have public addresses only."""
    known = ADDRESSES.get(row["id"])
    return row if known is None else row | {"publication": {**row["publication"], "webpage_url": known}}


def titles(page: Page) -> list[str]:
    return [str(text) for text in page.locator("#results a.open").all_inner_texts()]


def shown_ids(page: Page) -> list[str]:
    """The ids of all pages of the list."""
    return [str(name) for name in page.evaluate("v2xum.find(v2xum.read()).map((row) => v2xum.rows.columns.id[row])")]


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.textContent"))


def settle(page: Page, status: str) -> None:
    page.locator("#status", has_text=status).wait_for()


def sample(page: Page, name: str) -> None:
    page.locator("#sample .facts-list dd", has_text=name).first.wait_for()
