"""A task shows the texts of its sample, hostile ones as text, and its key is read back from its data."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.label_studio.interface import NAMES
from annotation.push.media import Shown
from annotation.push.task import Key, build_task, summary_text, task_key
from curation.review.edits import edits_of
from schemas.review import Verdict
from schemas.temporal import format_seconds
from tests.curation.samples import make_sample


class Tags(HTMLParser):
    """The tags of a piece of HTML, with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


hostile = st.text(min_size=1, max_size=40).filter(str.strip)


@given(st.lists(hostile, min_size=1, max_size=4))
def test_a_task_shows_what_the_sample_says(captions: list[str]) -> None:
    whole = make_sample("v1", frames=8, keyframes=(0, 2, 5), captions=tuple(captions))
    pictures = {0: "/data/local-files/?d=a&b", 2: '"><script>', 5: "/c"}
    task = build_task(whole, "a" * 64, "random", Shown("/v", pictures), 0.5)
    assert task_key(task["data"]) == Key("v1", "a" * 64, "first")
    tags = Tags(task["data"]["pictures"])
    assert [name for name, _ in tags.found] == ["figure", "img", "figcaption"] * 3
    assert [found["src"] for name, found in tags.found if name == "img"] == list(pictures.values())
    said = {caption.index: caption.text for caption in whole.captions.captions}
    assert [frame["caption"] for frame in task["data"]["frames"]] == [said[index] for index in (0, 2, 5)]
    (prediction,) = task["predictions"]
    regions = {(item["from_name"], item["id"]): item["value"] for item in prediction["result"]}
    assert regions[NAMES.captions, f"{NAMES.region}1"]["text"] == [said[2]] and prediction["score"] == 0.5
    for place, line in enumerate(task["data"]["captions"]):
        mark = regions[NAMES.marks, f"{NAMES.region}{place}"]
        assert mark["paragraphlabels"] == [NAMES.unjudged] and mark["start"] == mark["end"] == str(place)
        units = len(line["text"].encode("utf-16-le", "surrogatepass")) // 2  # as JavaScript counts
        assert (mark["startOffset"], mark["endOffset"]) == (0, units)


@pytest.mark.parametrize(
    ("title", "seen"),
    [
        ("Harbour & <b>hills</b>", "Harbour & <b>hills</b>"),
        ("two\nlines \u202eback\u202c\x00", "two lines back"),
        ("$captions[0].text", "$captions[0].text"),
        ("x" * 500, "x" * 199 + "\u2026"),
        (" \u202e ", "v1"),
        (None, "v1"),
    ],
)
def test_the_title_is_one_line_of_text(title: str | None, seen: str) -> None:
    whole = make_sample("v1", frames=8, keyframes=(0, 2, 5), title=title)
    shown = Shown("/v", {0: "/a", 2: "/b", 5: "/c"})
    assert build_task(whole, "a" * 64, "random", shown, None)["data"]["title"] == seen


def test_the_summary_as_it_is_shown_is_no_edit() -> None:
    whole = make_sample("v1", frames=8, keyframes=(0, 2, 5))
    assert " ".join(summary_text(whole).split()) == " ".join(format_seconds(whole.summary.v2vt).split())
    verdict = Verdict(
        sample_id="v1",
        content_sha256="a" * 64,
        annotator="x",
        origin="o",
        updated_at="",
        stratum="random",
        decision="fix",
        summary=summary_text(whole),
    )
    assert not edits_of(whole, verdict)


@pytest.mark.parametrize("data", [None, [], {}, {"sample_id": 3, "content_sha256": "x", "stratum": "random"}])
def test_what_is_not_ours_has_no_key(data: object) -> None:
    assert task_key(data) is None
