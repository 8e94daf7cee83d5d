"""The whole review with a real server and a real browser: push, judge on the screen, pull, and the published sample."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import TYPE_CHECKING

import httpx
import pytest

from annotation.label_studio.access import Access
from curation.ledger.samples import sample
from curation.review.content_hash import content_sha256
from curation.status.standings import published
from curation.workspace import Workspace
from schemas.review import AddedKeyframe
from tests.annotation.browser import CHROMIUM, FIVE, TITLE, Annotator, chromium, newcomer, picture, task_of
from tests.annotation.people import pull, push
from tests.annotation.workspaces import Film, services_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [
    pytest.mark.slow,
    pytest.mark.labelstudio,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]
CORRECTED = "[1.0][3.0]A star meets a green circle.\n[5.0]A square grows.\n[8.0]It leaves."


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None
    with chromium(CHROMIUM) as opened:
        yield opened


def film(annotator: Annotator) -> tuple[float, float]:
    """The position and the length in seconds of the video on the screen; it must have a picture."""
    width, at, duration = annotator.page.evaluate(
        "() => { const video = document.querySelector('video');"
        " return [video.videoWidth, video.currentTime, video.duration]; }"
    )
    assert width > 0
    return float(at), float(duration)


def test_people_judge_on_the_screen(
    workspace: Callable[..., Workspace], access: Access, title: str, browser: Browser
) -> None:
    place = workspace([FIVE])
    done = push(place, access, title, people=2)
    assert (done.added, done.failed, done.notes) == (1, (), ())

    first = newcomer(browser, access)
    first.label_all(done.project)
    picture(first, "task")
    assert "How to judge a summary" in first.instructions()
    shown = first.page.evaluate(
        "() => [...document.querySelectorAll('.keyframes img')].map(image => image.naturalWidth)"
    )
    assert len(shown) == 5 and all(width > 0 for width in shown)
    before, duration = film(first)
    first.press("Control+Alt+Space")
    first.page.wait_for_timeout(1500)
    after, _ = film(first)
    first.press("Control+Alt+Space")
    assert duration == pytest.approx(12, abs=0.5) and before < 0.3 < after, "the keyboard plays the video"
    assert first.area("A star meets a circle.").is_visible() and first.page.get_by_test_id("phrase:2").is_visible()
    first.rewrite("[1.0][3.0]A star meets", CORRECTED)
    first.select(4)
    first.press("d")
    first.select(0)
    first.press("o")
    first.mark_missed(0.3)
    first.select(1)
    first.rewrite("A circle grows.", "A green circle grows.")
    first.write_missed("0:06.4 A dog & <b>cat</b>")
    first.press("f", "q", "q", "q")
    picture(first, "fixed")
    first.submit()

    second = newcomer(browser, access)
    second.label_all(done.project)
    second.select(1)
    assert second.area("A circle grows.").is_visible(), "nobody sees what others made of it"
    second.press("Escape")
    second.press("r", "1", "4")
    picture(second, "rejected")
    second.submit()
    assert first.dialogs == second.dialogs == first.strangers == second.strangers == []

    result, (fix, rejection) = pull(place, access, title)
    assert (result.new, result.skipped, result.problems, result.notes) == (2, 0, (), ())
    with services_of(place) as services, closing(services.ledger):
        content = content_sha256(sample(services.ledger, "five"))
    for verdict in (fix, rejection):
        assert (verdict.sample_id, verdict.content_sha256, verdict.stratum) == ("five", content, "random")
        assert verdict.problems == () and verdict.seconds and verdict.annotator.startswith("annotator-")
    assert fix.annotator != rejection.annotator
    assert (fix.decision, fix.rating, fix.reasons) == ("fix", 3, ())
    assert [(one.index, one.judged, one.caption, one.changed) for one in fix.keyframes] == [
        (1, "ok", "A star rests.", False),
        (3, None, "A green circle grows.", True),
        (5, None, "A square grows.", False),
        (8, None, "A cross moves.", False),
        (10, "drop", "Nothing at all.", False),
    ]
    assert fix.summary == CORRECTED
    drawn, written = fix.added
    assert written == AddedKeyframe(index=6, time=6.0, caption="A dog & <b>cat</b>")
    assert drawn.caption is None and drawn.index not in (1, 3, 5, 8, 10)
    assert (rejection.decision, rejection.reasons) == ("reject", ("hallucinated", "bad_text"))
    assert rejection.summary is None and rejection.added == ()
    assert [one.caption for one in rejection.keyframes] == list(FIVE.captions.values())

    again = push(place, access, title, people=2)
    assert (again.added, again.unchanged, again.replaced) == (0, 1, 0)
    result, verdicts = pull(place, access, title)
    assert result.new == 0 and verdicts == [fix, rejection]


def test_the_released_sample_shows_the_corrections(
    workspace: Callable[..., Workspace], access: Access, title: str, browser: Browser
) -> None:
    place = workspace([FIVE])
    done = push(place, access, title)
    somebody = Annotator(browser, access.url)
    somebody.log_in(access.username, access.password)
    somebody.open(done.project, task_of(access, done.project))
    somebody.select(1)
    somebody.rewrite("A circle grows.", "A green circle grows.")
    somebody.select(4)
    somebody.press("d")
    somebody.write_missed("[6.0] A dog")
    somebody.press("f")
    somebody.submit()
    _, (verdict,) = pull(place, access, title)
    with services_of(place) as services, closing(services.ledger):
        (released,) = published(services.view)
    assert released.review.status == "fixed" and released.review.reviewers == (verdict.annotator,)
    assert released.extract.keyframes == (1, 3, 5, 6, 8)
    captions = {caption.index: caption.text for caption in released.captions.captions}
    assert (captions[3], captions[6]) == ("A green circle grows.", "A dog")


HOSTILE = {
    0: "<img src=x onerror=\"alert('caption')\"><script>alert(1)</script>",
    1: "{{idx}} {% raw %} ${7*7} $frames[0].html {{constructor.constructor('alert(1)')()}}",
    2: "ثعلب بني سريع \u202eRTL\u202c \U0001f469\u200d\U0001f680 \U0001f600",
    3: "<svg onload=alert(2)> & &amp; &lt;b&gt; </textarea></View><Label value='x'/>",
    4: "javascript:alert(3) `${alert(4)}` \\u003cscript\\u003e",
}


def test_hostile_captions_are_text(
    workspace: Callable[..., Workspace], access: Access, title: str, browser: Browser
) -> None:
    summary = "Summary <script>alert(5)</script><iframe srcdoc='<script>alert(6)</script>'></iframe> {{frames}} 🦊."
    place = workspace([Film("hostile", HOSTILE, sentences=(((0.0, 1.0, 2.0, 3.0, 4.0), summary),), title=TITLE)])
    done = push(place, access, title)
    somebody = Annotator(browser, access.url)
    errors: list[str] = []
    somebody.page.on("pageerror", lambda error: errors.append(str(error)))
    somebody.log_in(access.username, access.password)
    somebody.open(done.project, task_of(access, done.project))
    text = somebody.page.locator(".v2xum").inner_text()
    for caption in HOSTILE.values():
        assert caption in text, f"{caption} is shown as it is"
    assert summary in text and TITLE in text
    for place_, caption in enumerate(HOSTILE.values()):
        somebody.press("ArrowDown")
        assert somebody.selected() == [place_] and somebody.area(caption).is_visible()
    tags = somebody.page.evaluate(
        "() => [...document.querySelectorAll('.v2xum script, .v2xum iframe, .v2xum svg[onload], .v2xum img[onerror]')]"
        ".map(element => element.outerHTML)"
    )
    assert tags == [] and somebody.dialogs == [] and errors == [] and somebody.strangers == []
    picture(somebody, "hostile")
    somebody.press("a")
    somebody.submit()
    _, (verdict,) = pull(place, access, title)
    assert (verdict.decision, verdict.summary, verdict.problems) == ("accept", None, ())
    assert [(one.caption, one.changed) for one in verdict.keyframes] == [(text, False) for text in HOSTILE.values()]


@pytest.mark.parametrize(
    "made",
    [
        Film("three", {0: "One.", 1: "Two.", 2: "Three."}, seconds=4),
        Film("sixty", {index: f"Picture number {index}." for index in range(60)}, seconds=61, portrait=True),
        Film("hevc", {0: "One.", 3: "Two."}, codec="libx265", suffix=".mkv"),
    ],
    ids=lambda made: made.name,
)
def test_the_screen_for_few_and_many_keyframes(
    made: Film, workspace: Callable[..., Workspace], access: Access, title: str, browser: Browser
) -> None:
    place = workspace([made])
    done = push(place, access, title)
    somebody = Annotator(browser, access.url)
    somebody.log_in(access.username, access.password)
    somebody.open(done.project, task_of(access, done.project))
    frames = somebody.page.locator(".keyframes figure")
    assert frames.count() == len(made.captions)
    for number in (0, len(made.captions) - 1):
        box, line = frames.nth(number).bounding_box(), somebody.page.get_by_test_id(f"phrase:{number}").bounding_box()
        assert box is not None and line is not None and abs(box["y"] - line["y"]) < 3, (
            "each caption is beside its picture"
        )
    wide = somebody.page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth")
    assert wide, "nothing hangs out of the window"
    size = somebody.page.evaluate("() => document.querySelector('.keyframes img').naturalHeight > 0")
    assert size
    film(somebody)
    source = somebody.page.evaluate("() => document.querySelector('video').currentSrc")
    answer = httpx.get(
        source, headers={"Authorization": f"Token {access.token}", "Range": "bytes=0-99"}, follow_redirects=True
    )
    assert answer.status_code == 206 and len(answer.content) == 100
    picture(somebody, made.name)
    somebody.select(len(made.captions) - 1)
    somebody.press("d", "f")
    somebody.submit()
    _, (verdict,) = pull(place, access, title)
    assert [one.judged for one in verdict.keyframes] == [None] * (len(made.captions) - 1) + ["drop"]
