"""The differences as text, as Markdown and as a page: bounded, and nothing from outside is anything but text."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from markdown_it import MarkdownIt

from curation.release.diff.compare import Compared, compare_folders
from curation.release.diff.page import render_page
from curation.release.diff.text import IN_CHANGES, IN_TEXT, render_changes, terminal_lines
from curation.release.diff.write import write_pages
from schemas.errors import ConfigError
from schemas.release import StageState
from tests.annotation.browser import CHROMIUM, chromium
from tests.curation.release.diff.written import Row, line, out, row, split_of_number, write_release
from tests.curation.report.test_page import HOSTILE
from tests.curation.samples import sha

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PICTURES = os.environ.get("V2XUM_TEST_PICTURES")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    """Releases in which every text is hostile: titles, captions, summaries, makers, evidence, statements, settings."""
    folder = tmp_path_factory.mktemp("hostile")
    old: list[Row] = []
    new: list[Row] = []
    states: list[StageState] = []
    for number, text in enumerate(HOSTILE):
        made = {"provenance": {**row("v")["provenance"], "refine": {**row("v")["provenance"]["refine"], "model": text}}}
        caption = [{**row("v")["captions"][0], "text": text}]
        old.append(row(f"v{number:03d}"))
        new.append(
            row(f"v{number:03d}", title=text, summary={"v2vt_seconds": text, "v2t": text}, captions=caption, **made)
        )
        states.append(StageState(name=f"s{number}", version=1, settings={text: text}))
    gone = [out(f"w{number:03d}", "filter", text, "refused", text) for number, text in enumerate(HOSTILE)]
    a = write_release(folder / "a", [*old, *(row(each["id"]) for each in gone)], title="plain")
    later = [state.model_copy(update={"settings": {}}) for state in states]
    b = write_release(folder / "b", new, "0.2.0", states=later, rejections=gone, title=HOSTILE[0], licence=HOSTILE[5])
    c = write_release(folder / "c", old, states=states)
    compared = compare_folders(a, b)
    stages = compare_folders(c, b).diff.stages
    return compared._replace(diff=compared.diff.model_copy(update={"stages": stages}))


class Tags(HTMLParser):
    """The tags, attributes and texts of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_has_no_markup_from_outside(hostile: Compared) -> None:
    found = Tags()
    page = render_page(hostile)
    found.feed(page)
    assert not found.tags & {"script", "img", "svg", "iframe", "object", "form"}
    assert not any(name.startswith("on") or name in ("src", "style") for name in found.attributes)
    assert "<script>alert(1)</script>" in found.text and "\u202e" not in page and "\x1b" not in page
    assert "default-src 'none'" in page and "script-src" not in page


def test_markdown_shows_hostile_texts_as_texts(hostile: Compared) -> None:
    text = render_changes(hostile.diff, "0.2.0", len(HOSTILE))
    assert text == render_changes(hostile.diff, "0.2.0", len(HOSTILE)) and text.endswith("\n")
    found = Tags()
    found.feed(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))
    assert found.tags <= {"h1", "h2", "p", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "code"}
    assert "<script>alert(1)</script>" in found.text


def test_no_line_of_the_terminal_has_control_characters(hostile: Compared) -> None:
    lines = list(terminal_lines(hostile.diff))
    assert lines[0].startswith("0.1.0 -> 0.2.0: 0 rows came, 10 went, 10 changed; 0 are as they were")
    for each in lines:
        assert each.removeprefix("\n").isprintable() and len(each) < 1000, each


def many(folder: Path) -> Compared:
    count = 3 * IN_CHANGES
    a = write_release(folder / "a", [row(f"v{number:04d}", split_of_number(number)) for number in range(count)])
    lines = [row(f"v{number:04d}", split_of_number(number), title="New") for number in range(count)]
    return compare_folders(a, write_release(folder / "b", lines, "0.2.0"))


def test_all_forms_are_bounded_and_say_how_many_more_there_are(tmp_path: Path) -> None:
    compared = many(tmp_path)
    lines = list(terminal_lines(compared.diff))
    assert len(lines) < 2 * IN_TEXT and lines[-1] == f"  and {3 * IN_CHANGES - IN_TEXT} more (--json lists all)"
    changes = render_changes(compared.diff, "0.2.0", 300)
    assert len(changes.splitlines()) < IN_CHANGES + 30 and "and 200 more" in changes
    assert len(render_page(compared)) < 150_000
    page = write_pages(compared, tmp_path / "out" / "inner")
    assert page.name == "diff.html"
    assert len(json.loads((page.parent / "diff.json").read_text())["changed"]) == 300
    with pytest.raises(ConfigError, match="is a file: name a folder"):
        write_pages(compared, page)


def test_the_first_release_has_nothing_to_compare_with() -> None:
    assert "The first release, with 3 rows" in render_changes(None, "0.1.0", 3)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None
    with chromium(CHROMIUM) as opened:
        yield opened


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
def test_the_page_fits_a_screen_and_a_phone(browser: Browser, hostile: Compared, tmp_path: Path) -> None:
    shown = typical(tmp_path)
    for name, compared in (("hostile", hostile), ("diff", shown)):
        page_file = write_pages(compared, tmp_path / name)
        for width in (1440, 390):
            page = browser.new_page(viewport={"width": width, "height": 900})
            problems: list[str] = []
            page.on("console", lambda message, problems=problems: problems.append(message.text))
            page.on("pageerror", lambda error, problems=problems: problems.append(str(error)))
            page.goto(page_file.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.evaluate("document.querySelectorAll('script').length") == 0 and problems == []
            assert page.evaluate("getComputedStyle(document.querySelector('.tile')).borderTopWidth") == "1px"
            if PICTURES:
                page.screenshot(path=f"{PICTURES}/{name}-{width}.png", full_page=width == 390)
            page.close()


def typical(folder: Path) -> Compared:
    """Two releases between which a prompt, a person, a filter and a source changed something."""
    plain = row("v")["provenance"]["refine"]
    made = {
        "provenance": {**row("v")["provenance"], "refine": {**plain, "prompt": "refine.v2", "prompt_sha256": sha("2")}}
    }
    titles = (
        "Harbour at dusk",
        "Two cooks fold dumplings",
        "A map of the valley",
        "Kites over the hill",
        "Night train",
    )
    summary = {"v2vt_seconds": "[0.0]A red kite climbs. [3.0]The harbour lies in the evening light.", "v2t": "x"}
    old = [row(f"film-{number}", title=title, summary=summary) for number, title in enumerate(titles)]
    new = [dict(each) for each in old[:4]] + [row("film-9", title="Snow")]
    news = {
        **summary,
        "v2vt_seconds": "[0.0]A kite rises over the hill. [3.0]Boats return to the harbour at dusk.",
        "v2t": "y",
    }
    new[0] = row("film-0", title=titles[0], summary=news, **made)
    new[1] = row("film-1", title=titles[1], summary=news, **made)
    fixed = [
        {**each, "text": "two cooks fold dumplings"} if each["index"] == 3 else each for each in row("v")["captions"]
    ]
    review = {"status": "fixed", "reviewers": ["ann"], "editor": "ann", "captions_edited": [3], "edited": True}
    new[2] = row("film-2", title=titles[2], summary=summary, captions=fixed, review=review)
    before = [StageState(name="refine", version=2, prompt=sha("1"))]
    after = [StageState(name="refine", version=2, prompt=sha("2"))]
    known = [line(f"film-{number}", "train") for number in range(5)]
    a = write_release(folder / "typical" / "a", old, states=before, lineage=known)
    gone = [out("film-4", "download", "private", evidence="the video is private")]
    b = write_release(folder / "typical" / "b", new, "0.2.0", states=after, rejections=gone, lineage=known)
    return compare_folders(a, b)
