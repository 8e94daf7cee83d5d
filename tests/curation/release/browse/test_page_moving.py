"""Moving on the page in a real Chromium: by keys, by the history, and by a shared address."""

from __future__ import annotations

from tests.curation.release.browse.pages import (
    IN_CHROMIUM,
    Open,
    focused,
    sample,
    settle,
    titles,
)

pytestmark = IN_CHROMIUM


def test_by_keys_alone(opened: Open) -> None:
    page = opened("#sort=id")
    keys = page.keyboard
    keys.press("j")
    assert focused(page) == "Film 0 of the Café"
    keys.press("ArrowDown")
    keys.press("j")
    keys.press("k")
    assert focused(page) == "Film 1 of the Café"
    keys.press("Enter")
    sample(page, "v001")
    assert page.evaluate("document.activeElement.id") == "sample-title" and "id=v001" in page.url
    keys.press("j")
    sample(page, "v002")
    keys.press("ArrowRight")
    sample(page, "v003")
    keys.press("k")
    sample(page, "v002")
    keys.press("Escape")
    page.locator("#list-view").wait_for()
    assert focused(page) == "Film 2 of the Café" and "id=" not in page.url
    keys.press("/")
    assert page.evaluate("document.activeElement.id") == "q"
    keys.type("film 1 j/k")
    keys.press("Control+a")
    keys.type("film 1 café")
    keys.press("Enter")
    page.locator("#results a.open:focus").wait_for()
    settle(page, "of 70 samples")
    assert focused(page).startswith("Film 1") and "q=film+1+caf%C3%A9" in page.url
    keys.press("Enter")
    page.locator("#sample h2").wait_for()
    keys.press("/")
    page.locator("#q:focus").wait_for()
    keys.press("Escape")
    page.locator("#results a.open:focus").wait_for()


def test_keys_go_from_page_to_page_of_the_list(opened: Open) -> None:
    page = opened("#sort=id")
    for _ in range(31):
        page.keyboard.press("j")
    page.wait_for_url("**page=2")
    page.locator("#results a.open:focus").wait_for()
    assert focused(page) == "Film 30 of the Café"
    page.keyboard.press("k")
    page.wait_for_url(lambda url: "page=2" not in url)
    page.locator("#results a.open:focus", has_text="Film 29").wait_for()
    page.locator("#pager a[rel=next]").click()
    page.locator("#results a.open:focus", has_text="Film 30").wait_for()
    page.go_back()
    settle(page, "70 of 70")
    page.locator("#results a.open", has_text="Film 29").wait_for()


def test_back_and_forward_and_a_shared_address(opened: Open) -> None:
    page = opened("#q=boat&sort=id")
    page.locator("#results a.open").nth(1).click()
    sample(page, "v002")
    shared = page.url.split("#")[1]
    page.go_back()
    page.locator("#list-view").wait_for()
    assert page.locator("#q").input_value() == "boat" and focused(page) == "Film 2 of the Café"
    page.go_forward()
    sample(page, "v002")
    other = opened(f"#{shared}")
    sample(other, "v002")
    other.keyboard.press("Escape")
    other.locator("#list-view").wait_for()
    assert other.locator("#q").input_value() == "boat"
    strange = opened("#id=nobody")
    assert strange.locator("#trouble").inner_text() == "There is no sample nobody in this release."
    settle(strange, "70 of 70")


def test_any_address_shows_a_list(opened: Open) -> None:
    page = opened("#page=99999")
    settle(page, "70 of 70 samples")
    assert len(titles(page)) == 10
    for asked in ("page=-1", "sort=constructor", "dmin=abc", "score=__proto__", "%", "q=-%FF", "smin=9"):
        page.evaluate("hash => { location.hash = hash; }", asked)
        page.locator("#results li:nth-child(30)").wait_for()
        settle(page, "70 of 70 samples")


def test_typing_leaves_one_step_in_the_history_and_the_focus_in_the_field(opened: Open) -> None:
    page = opened()
    before = page.evaluate("history.length")
    page.locator("#q").click()
    page.keyboard.type("kite", delay=120)
    page.wait_for_url("**#q=kite")
    assert page.evaluate("history.length") == before and page.evaluate("document.activeElement.id") == "q"
    page.locator("#reset").click()
    settle(page, "70 of 70")
    assert page.locator("#q").input_value() == ""
