"""The page in a real Chromium: over file:// and http, on a phone, with hostile texts, and with a part missing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.curation.release.browse.pages import (
    HOSTILE,
    IN_CHROMIUM,
    WATCH,
    Open,
    sample,
    settle,
    titles,
)

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = IN_CHROMIUM


@pytest.mark.parametrize("over", ["file", "http"])
def test_the_page_works_without_a_server_and_with_one(opened: Open, over: str, http: str) -> None:
    page = opened(address=None if over == "file" else http)
    settle(page, "70 of 70 samples")
    assert len(titles(page)) == 30
    picture = page.locator("#results img").first
    picture.scroll_into_view_if_needed()
    page.locator("#results img >> nth=0").evaluate("image => image.decode()")
    assert picture.evaluate("image => image.naturalWidth") > 600
    page.locator("#results a.open").first.click()
    page.locator("#sample h2").wait_for()
    page.locator("#sample summary").first.click()
    page.locator("#sample details .lines li").first.wait_for()


def test_hostile_texts_are_text(opened: Open, site: Path) -> None:
    page = opened("#sort=id&page=2")
    assert page.locator("h1").inner_text() == HOSTILE[0]
    assert page.locator("#results img:not([src^='pictures/'])").count() == 0
    for number, text in enumerate(HOSTILE):
        page.evaluate("hash => { location.hash = hash; }", f"id=v{40 + number:03d}")
        sample(page, f"v{40 + number:03d}")
        told = page.locator("#sample h2").inner_text()
        assert told == fold_lines(text)
        page.locator("#sample summary").first.click()
        page.locator("#sample details .lines li").first.wait_for()
        assert page.title().startswith(told)
    assert page.locator("script:not([src])").count() == 0
    assert "owned" not in page.evaluate("[...document.querySelectorAll('a')].map((a) => a.protocol).join()")
    protocols = {str(each) for each in page.evaluate("[...document.querySelectorAll('a')].map((a) => a.protocol)")}
    assert protocols <= {"file:", "https:"}
    index = (site / "index.html").read_text()
    assert "<script>" not in index and "unsafe" not in index and "\u202e" not in index


def fold_lines(text: str) -> str:
    """A hostile text as a page shows it: without the marks that change direction, and on one line."""
    for mark in ("\u202e", "\u2066", "\u2069"):
        text = text.replace(mark, "")
    return text.replace("\u2028", " ").replace("\u2029", " ")


def test_the_policy_of_the_page_refuses_scripts_in_it(browser: Browser, site: Path) -> None:
    page = browser.new_page()
    page.goto((site / "index.html").as_uri())
    page.locator("html[data-ready=yes]").wait_for(state="attached")
    before = page.title()
    page.evaluate("""() => {
        document.body.insertAdjacentHTML("beforeend", "<img src=x onerror=\\"document.title='owned'\\">");
        const script = document.createElement("script");
        script.textContent = "document.title = 'owned'";
        document.body.append(script);
        const far = document.createElement("img");
        far.src = "https://films.example/x.png";
        document.body.append(far);
    }""")
    page.wait_for_timeout(300)
    assert page.title() == before
    assert page.evaluate("document.body.lastChild.naturalWidth") == 0
    page.close()


def test_times_lead_into_the_video_at_that_second(opened: Open) -> None:
    def links(name: str) -> list[str | None]:
        page.evaluate("hash => { location.hash = hash; }", f"id={name}")
        sample(page, name)
        found = page.locator("[aria-labelledby=s-keyframes] a.time")
        return [found.nth(place).get_attribute("href") for place in range(found.count())]

    page = opened()
    assert links("v001") == [f"{WATCH}&t={second}" for second in (0, 3, 7)]
    assert links("v003") == [f"https://films.example/a%20b.mp4?x=1#t={second}" for second in (0, 3, 7)]
    assert links("v004") == [f"https://youtu.be/id000000004?t={second}" for second in (0, 3, 7)]
    assert links("v002") == []
    assert page.locator("a[href^='javascript']").count() == 0
    assert page.locator("#sample .facts-list", has_text="javascript:alert(1)").count() == 1
    relations = page.evaluate("[...document.querySelectorAll('a[target=_blank]')].map((a) => a.rel)")
    assert all("noopener" in relation for relation in relations)


LINKS: list[tuple[str, float, str | None]] = [
    ("https://www.youtube.com/watch?v=a&t=99", 12.5, "https://www.youtube.com/watch?v=a&t=12"),
    ("https://m.youtube.com/shorts/a_b-c", 3, "https://m.youtube.com/watch?v=a_b-c&t=3"),
    ("https://www.youtube-nocookie.com/embed/a", 3.9, "https://www.youtube-nocookie.com/embed/a?start=3"),
    ("https://vimeo.com/123", 61.2, "https://vimeo.com/123#t=61s"),
    ("HTTP://films.example/v.webm#t=1", 2.25, "http://films.example/v.webm#t=2.25"),
    ("https://youtube.com.evil.example/watch?v=a", 2, "https://youtube.com.evil.example/watch?v=a#t=2"),
    ("https://user:word@films.example/v", 2, None),
    ("javascript:alert(1)//https://youtu.be/a", 2, None),
    ("data:text/html,<script>alert(1)</script>", 2, None),
    ("file:///etc/passwd", 2, None),
    ("\tjava\nscript:alert(1)", 2, None),
    ("film.mp4", 2, None),
    ("", 2, None),
]


def test_only_addresses_of_the_web_become_links(opened: Open) -> None:
    asked = [[address, second] for address, second, _ in LINKS]
    told = opened().evaluate("(asked) => asked.map(([address, second]) => v2xum.videoAt(address, second))", asked)
    assert told == [link for _, _, link in LINKS]


@pytest.mark.parametrize("size", [(390, 844), (720, 450), (320, 568)], ids=["phone", "zoom 200 %", "small phone"])
def test_nothing_is_wider_than_the_screen(opened: Open, size: tuple[int, int]) -> None:
    wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    page = opened("#sort=id&page=2", size=size)
    assert page.evaluate(wider) == 0
    page.locator("#filters > summary").click()
    assert page.evaluate(wider) == 0
    for name in ("v001", "v041", "v042"):
        page.evaluate("hash => { location.hash = hash; }", f"id={name}")
        sample(page, name)
        page.locator("#sample summary").first.click()
        page.locator("#sample details .lines li").first.wait_for()
        assert page.evaluate(wider) == 0


def test_every_field_and_button_has_a_name_and_pictures_have_words(opened: Open) -> None:
    page = opened("#sort=id")
    for role in ("searchbox", "combobox", "spinbutton", "button", "link"):
        found = page.get_by_role(role)  # type: ignore[arg-type]
        named = [
            found.nth(place).evaluate("e => (e.labels?.length ? e.labels[0].textContent : e.textContent).trim()")
            for place in range(found.count())
        ]
        assert found.count() and all(named), role
    page.locator("#results a.open").first.click()
    sample(page, "v000")
    assert page.locator("#sample img").get_attribute("alt") == "contact sheet: 3 keyframes with their times"
    assert page.get_by_role("heading", level=1).count() == 1 and page.get_by_role("main").count() == 1


def test_a_part_that_is_missing_is_named(browser: Browser, site: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(site, copy)
    (copy / "data" / "details" / "000" / "00000.js").unlink()
    (copy / "data" / "captions" / "000" / "00000.js").write_text("nothing;")
    page = browser.new_page()
    page.goto((copy / "index.html").as_uri())
    page.locator("#results a.open").first.click()
    page.locator("#trouble", has_text="data/details/000/00000.js is missing. Copy the whole folder").wait_for()
    page.close()
