"""A person corrects what is said on a real screen, and the correction arrives in the release and in the comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from annotation.label_studio.access import Access
from annotation.label_studio.interface import interface
from curation.release.diff.compare import compare_folders
from curation.workspace import Workspace
from schemas.parts.transcript import SpokenSegment, Transcript
from schemas.review import CorrectedLine
from schemas.time import Seconds
from tests.annotation.browser import CHROMIUM, FIVE, Annotator, chromium, picture
from tests.annotation.people import Api, pull, push
from tests.annotation.workspaces import Film, services_of
from tests.curation.release.releases import release

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = [
    pytest.mark.slow,
    pytest.mark.labelstudio,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
]
HOSTILE = "<img src=x onerror=\"alert('said')\"> {{title}} $captions[0].text"
TEXTS = (
    "Here is a star.",
    "And here is a circle.",
    "Look how the squair grose.",
    "Now a cross comes in.",
    "That is the end.",
    HOSTILE,
)
SAID = Transcript(
    source="automatic",
    language="en",
    segments=tuple(
        SpokenSegment(start=Seconds(2.0 * n + 0.5), end=Seconds(2.0 * n + 2.3), text=text)
        for n, text in enumerate(TEXTS)
    ),
)
SPOKEN = FIVE._replace(name="spoken", said=SAID, title="A narrator")
SILENT = Film("silent", {0: "One.", 2: "Two."}, seconds=4)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None
    with chromium(CHROMIUM) as opened:
        yield opened


def at(annotator: Annotator) -> float:
    """The position of the video on the screen, in seconds."""
    return float(annotator.page.evaluate("() => document.querySelector('video').currentTime"))


def rows(place: Workspace, version: str) -> dict[str, dict[str, Any]]:
    shards = sorted(Path(place.root / "releases" / version / "full").glob("*.parquet"))
    return {row["id"]: row for shard in shards for row in pq.read_table(shard).to_pylist()}


def make_release(place: Workspace, version: str) -> None:
    with services_of(place) as services, closing(services.ledger):
        release(place, services, version)


def test_a_corrected_line_arrives_in_the_release_and_in_the_comparison(
    workspace: Callable[..., Workspace], access: Access, title: str, browser: Browser
) -> None:
    place = workspace([SPOKEN, SILENT])
    make_release(place, "0.1.0")
    done = push(place, access, title)
    assert (done.added, done.failed, done.notes) == (2, (), ())
    tasks = {task["data"]["sample_id"]: task["id"] for task in Api(access).tasks(done.project)}

    somebody = Annotator(browser, access.url)
    somebody.log_in(access.username, access.password)
    somebody.open(done.project, tasks["spoken"])
    page = somebody.page
    assert "What is said (subtitles that a machine made, en)" in page.locator(".left").inner_text()
    lines = page.locator('.spoken [data-testid^="phrase:"]')
    assert lines.count() == len(TEXTS)
    for number, text in enumerate(TEXTS):
        assert text in lines.nth(number).inner_text(), "what is said is shown as it is"
    assert page.locator(".spoken img").count() == 0

    somebody.press("ArrowDown", "ArrowDown")
    assert somebody.selected() == [1], "the arrow keys still select keyframes"
    assert somebody.area("A circle grows.").is_visible()
    somebody.select_line(2)
    assert at(somebody) == pytest.approx(SAID.segments[2].start, abs=0.3), "a click on a line moves the player"
    assert somebody.area(TEXTS[2]).is_visible() and not somebody.area("A circle grows.").is_visible()
    somebody.rewrite(TEXTS[2], "Look how the square grows.")
    picture(somebody, "speech")
    somebody.select(0)
    somebody.press("o", "f")
    somebody.submit()
    somebody.open(done.project, tasks["silent"])
    assert page.locator(".spoken").count() == 0, "a task without speech shows no list"
    assert somebody.dialogs == somebody.strangers == []

    result, (verdict,) = pull(place, access, title)
    assert (result.new, result.problems, verdict.problems) == (1, (), ())
    assert verdict.transcript == (
        CorrectedLine(index=2, start=Seconds(4.5), before=TEXTS[2], after="Look how the square grows."),
    )
    assert [(one.judged, one.changed) for one in verdict.keyframes] == [("ok", False)] + [(None, False)] * 4
    assert (verdict.decision, verdict.summary, verdict.added) == ("fix", None, ())

    make_release(place, "0.2.0")
    before, after = rows(place, "0.1.0")["spoken"], rows(place, "0.2.0")["spoken"]
    said = [segment["text"] for segment in after["transcript"]["segments"]]
    assert said == [*TEXTS[:2], "Look how the square grows.", *TEXTS[3:]]
    assert (after["review"]["status"], after["review"]["transcript_edited"]) == ("fixed", [2])
    assert before["review"]["transcript_edited"] == [] and after["summary"] == before["summary"]
    found = compare_folders(place.root / "releases" / "0.1.0", place.root / "releases" / "0.2.0").diff
    (changed,) = found.changed
    assert (changed.id, changed.cause) == ("spoken", "person") and "transcript" in changed.fields


def test_a_project_gets_the_lists_with_the_first_push_of_such_a_run_and_keeps_them(
    workspace: Callable[..., Workspace], access: Access, title: str
) -> None:
    plain, spoken, api = workspace([SILENT]), workspace([SPOKEN], "spoken"), Api(access)
    done = push(plain, access, title)
    (before,) = api.tasks(done.project)
    with_lines = push(spoken, access, title)
    assert (with_lines.project, with_lines.added, with_lines.notes) == (done.project, 1, ())
    again = push(plain, access, title, people=2)  # sets the number of people of a task without any line
    assert (again.added, again.unchanged, again.notes) == (0, 1, ())
    project = api.call("GET", f"/api/projects/{done.project}/")
    assert project["label_config"] == interface(spoken=True) and "What is said" in project["expert_instruction"]
    silent, other = api.tasks(done.project)
    assert silent["data"] == before["data"] and silent["overlap"] == 2
    assert [line["text"] for line in other["data"]["frames"][0]["spoken"][0]["lines"]] == list(TEXTS)
