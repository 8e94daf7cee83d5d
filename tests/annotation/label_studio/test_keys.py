"""The screen by its keys alone, and the list of tasks, in a real browser with a real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from annotation.label_studio.access import Access
from curation.workspace import Workspace
from tests.annotation.browser import CHROMIUM, FIVE, TITLE, Annotator, chromium, newcomer, picture, task_of
from tests.annotation.people import pull, push
from tests.annotation.workspaces import Film

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [
    pytest.mark.slow,
    pytest.mark.labelstudio,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None
    with chromium(CHROMIUM) as opened:
        yield opened


TEN = Film(
    "ten",
    {1 + 2 * n: f"Caption number {n}." for n in range(10)},
    seconds=27,
    sentences=(((1.0, 3.0), "A star meets a circle."), ((19.0,), "It leaves.")),
    title="Ten keyframes",
)


def test_ten_keyframes_are_judged_by_keys_alone(
    workspace: Callable[..., Workspace], access: Access, title: str, browser: Browser
) -> None:
    place = workspace([TEN, Film("two", {0: "One.", 2: "Two."}, seconds=4)])
    done = push(place, access, title)
    somebody = Annotator(browser, access.url)
    somebody.log_in(access.username, access.password)
    somebody.label_all(done.project)
    keyboard, page = somebody.page.keyboard, somebody.page
    assert somebody.counter() == "1 of 2" and page.get_by_text("Ten keyframes").is_visible()
    marks = ["o", "o", "w", "o", "d", "o", "n", "o", "d", "o"]
    for number, key in enumerate(marks):
        keyboard.press("ArrowDown" if number % 2 else "Control+ArrowDown")
        page.wait_for_timeout(400)
        assert somebody.selected() == [number]
        clock, _ = page.locator(".lsf-timeline-controls__time").inner_text().split("\n", 1)
        assert clock.strip() == f"00:{1 + 2 * number:02d}", "the player and its clock are at the keyframe"
        keyboard.press(key)
        page.wait_for_timeout(100)
    keyboard.press("Escape")
    page.wait_for_timeout(200)
    hint = "getComputedStyle(document.querySelector('.v2xum .caption'), '::before').content"
    assert somebody.selected() == [] and "Select a keyframe" in page.evaluate(hint)
    keyboard.press("ArrowUp")
    page.wait_for_timeout(400)
    assert somebody.selected() == [8] and page.evaluate(hint) == "none"
    keyboard.press("o")
    picture(somebody, "keys")
    for key in ("f", "q", "q"):
        keyboard.press(key)
        page.wait_for_timeout(200)
    with page.expect_response(lambda answer: "/annotations" in answer.url and answer.request.method == "POST"):
        keyboard.press("Control+Enter")
    page.get_by_test_id("phrase:1").filter(has_text="Two.").wait_for()
    somebody.settled()
    assert somebody.counter() == "2 of 2"
    for key in ("ArrowDown", "o", "ArrowDown", "o", "a"):
        keyboard.press(key)
        page.wait_for_timeout(300)
    with page.expect_response(lambda answer: "/annotations" in answer.url and answer.request.method == "POST"):
        keyboard.press("Control+Enter")
    _, verdicts = pull(place, access, title)
    first, second = sorted(verdicts, key=lambda verdict: verdict.sample_id)
    words = {"o": "ok", "w": "wrong", "d": "drop", "n": None}
    expected = [words[key] for key in marks[:8]] + ["ok", "ok"]
    assert (first.decision, first.rating, first.problems) == ("fix", 2, ())
    assert [one.judged for one in first.keyframes] == expected and not any(one.changed for one in first.keyframes)
    assert second.decision == "accept" and [one.judged for one in second.keyframes] == ["ok", "ok"]


def test_keys_work_again_after_a_text(
    workspace: Callable[..., Workspace], access: Access, title: str, browser: Browser
) -> None:
    place = workspace([FIVE])
    done = push(place, access, title)
    somebody = Annotator(browser, access.url)
    somebody.log_in(access.username, access.password)
    somebody.open(done.project, task_of(access, done.project))
    keyboard, page = somebody.page.keyboard, somebody.page
    somebody.write_missed("0:06 A dog\n0:07 A cat jumps over a wooden fence")
    assert page.evaluate("document.activeElement.tagName") == "BODY"
    for key in ("ArrowDown", "ArrowDown", "w"):
        keyboard.press(key)
        page.wait_for_timeout(300)
    somebody.edit(".caption")
    keyboard.press("Control+a")
    keyboard.press("Delete")
    keyboard.press("Shift+Enter")
    somebody.edit(".comment")
    keyboard.type("not to be kept")
    keyboard.press("Escape")
    for key in ("ArrowDown", "d", "Backspace", "Control+z", "Backspace", "f"):
        keyboard.press(key)
        page.wait_for_timeout(300)
    with page.expect_response(lambda answer: "/annotations" in answer.url and answer.request.method == "POST"):
        keyboard.press("Control+Enter")
    _, (verdict,) = pull(place, access, title)
    assert [(one.index, one.caption) for one in verdict.added] == [(6, "A dog"), (7, "A cat jumps over a wooden fence")]
    assert [(one.judged, one.caption) for one in verdict.keyframes][:3] == [
        (None, "A star rests."),
        ("wrong", ""),
        ("drop", "A square grows."),
    ]
    assert (verdict.decision, verdict.comment, verdict.problems) == ("fix", "", ())


def test_the_list_of_tasks_shows_what_people_read(
    workspace: Callable[..., Workspace], access: Access, title: str, browser: Browser
) -> None:
    place = workspace([FIVE._replace(title=TITLE)])
    done = push(place, access, title)
    somebody = newcomer(browser, access)
    somebody.page.goto(f"{access.url}/projects/{done.project}/data")
    somebody.page.get_by_text("A star meets a circle.").first.wait_for()
    head = somebody.page.locator("[class*=table-head]").first.inner_text()
    assert {"title", "sample_id", "summary"} <= set(head.split()), head
    assert not {"captions", "frames", "pictures", "content_sha256"} & set(head.split()), head
    assert TITLE in somebody.page.locator("body").inner_text() and somebody.dialogs == somebody.strangers == []
    picture(somebody, "list")
