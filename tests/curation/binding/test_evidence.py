"""The evidence of an alarm: hostile captions in the page, and missing pictures."""

from __future__ import annotations

import io
import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from curation.binding.canaries import draw_canary
from curation.binding.evidence import HTML_NAME, JSON_NAME, Case, write_evidence
from curation.binding.window import Alarm, CanaryResult, Compared, Shown, Window
from curation.binding.withdrawal import Withdrawn
from schemas.binding import CanaryOutcome
from schemas.configuration.config import BindingConfig
from schemas.errors import PermanentError
from schemas.safe_text import plain_line

HOSTILE = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            '"><img src=x onerror=alert(1)>',
            "{{ 7 * 7 }}{% raw %}",
            "</style></figcaption><iframe src='https://example.org'>",
            "\u202egnp.exe\u0000\x1b[31m",
            "<!-- -->&lt;b&gt;",
        ]
    ),
)
ALLOWED = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "b", "table", "tr", "th", "td", "div"}
ALLOWED |= {"figure", "img", "figcaption", "small", "span", "code", "details", "summary"}


class Page(HTMLParser):
    """Every element, attribute and piece of text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.attributes: set[tuple[str, str]] = set()
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {(name, value or "") for name, value in attrs}

    def handle_data(self, data: str) -> None:
        self.words += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


def picture(_video: str, _frame: int) -> bytes:
    store = io.BytesIO()
    Image.new("RGB", (320, 240), (10, 20, 30)).save(store, "JPEG")
    return store.getvalue()


@pytest.mark.slow
@given(st.lists(HOSTILE, min_size=4, max_size=4))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_hostile_captions_are_inert_in_the_page(tmp_path: Path, texts: list[str]) -> None:
    caption, said, word, name = texts
    window = Window(BindingConfig(least=2))
    shown = [Shown(f"v{n}", n, caption, f"{n:016x}") for n in (0, 2**40 - 1)]
    window.shown.extend(shown)
    window.compared.extend(Compared(one, 1, 8, -0.5) for one in shown)
    outcome = CanaryOutcome(picture=name, seed="00", words=((word, "circle"),), said=said, right=False)
    window.add_canaries([CanaryResult("v0", outcome)])
    case = Case(
        Alarm("match", 0.1, 0.65, 2),
        window,
        Withdrawn(("v0", "v1"), 3),
        name,
        "clip",
        BindingConfig(canary_pictures="x"),
    )
    assert write_evidence(tmp_path, case, draw_canary, picture) == tmp_path / HTML_NAME
    page = Page((tmp_path / HTML_NAME).read_text(encoding="utf-8"))
    assert page.tags <= ALLOWED
    assert not any(key.startswith("on") or key in ("href", "srcdoc") for key, _ in page.attributes)
    assert all(value.startswith("data:image/jpeg;base64,") for key, value in page.attributes if key == "src")
    assert any("default-src 'none'" in value for _, value in page.attributes)
    assert all(plain_line(text) in page.words for text in (caption, said))
    assert not any(character in page.words for character in "\u202e\x00\x1b")
    assert ("class", "badge") in page.attributes and "v0, v1" in page.words
    facts = json.loads((tmp_path / JSON_NAME).read_text(encoding="utf-8"))
    assert facts["withdrawn"] == {"videos": ["v0", "v1"], "replies": 3}
    assert "picture" not in facts["pairs"][0] and "canary_pictures" not in facts["limits"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [HTML_NAME, JSON_NAME]


def test_a_missing_picture_is_left_out(tmp_path: Path) -> None:
    def gone(_video: str, frame: int) -> bytes:
        if frame:
            raise PermanentError("frame_missing")
        return b"no picture"

    window = Window(BindingConfig(least=2))
    window.compared.extend(Compared(Shown("v", n, "A dog.", f"{n:016x}"), 0, 8, -0.1) for n in (0, 1))
    case = Case(Alarm("match", 0.1, 0.6, 2), window, Withdrawn((), 0), "m", None, BindingConfig())
    page = Page(write_evidence(tmp_path, case, draw_canary, gone).read_text(encoding="utf-8"))
    assert page.words.count("no picture") == 2 and page.words.count("A dog.") == 2
