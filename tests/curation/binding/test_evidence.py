"""The evidence of an alarm, canary outcomes in the ledger, and the withdrawal of captions."""

from __future__ import annotations

import io
import json
from html.parser import HTMLParser
from pathlib import Path

import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from curation.binding.canaries import draw_canary
from curation.binding.evidence import HTML_NAME, JSON_NAME, Case, write_evidence
from curation.binding.window import Alarm, CanaryResult, Compared, Shown, Window
from curation.binding.withdrawal import Withdrawn, canaries_of, keep_canaries, withdraw
from curation.ledger import tables
from curation.ledger.ledger import Ledger
from models.chat import Reply
from schemas.binding import CanaryOutcome, CanaryOutcomes
from schemas.config import BindingConfig
from schemas.errors import PermanentError
from schemas.safe_text import plain_line
from tests.curation.scripted_stages import Works, run_all, sources

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


def test_withdrawal_removes_only_captions_that_may_be_wrong(ledger: Ledger) -> None:
    ids = ledger.register(sources(4))
    run_all(ledger, ids, Works())
    ledger.forget("v003", "binding")  # captioned and never checked
    for video_id in ids:
        keep_canaries(ledger, video_id, CanaryOutcomes())
    reply = Reply("text", "stop", 1, 1)
    ledger.put_replies({"a": reply}, "captioner")
    ledger.put_replies({"b": reply}, "summarizer")
    with ledger.engine.begin() as connection:
        connection.execute(sa.insert(tables.replies).values(("c", "old", "stop", 1, 1, "captioner", 5.0)))
        connection.execute(sa.insert(tables.runs).values((1, 1.0, 9.0, "finished", "{}")))
        connection.execute(sa.insert(tables.runs).values((2, 11.0, None, "running", "{}")))
        connection.execute(sa.update(tables.results).values(made_at=100.0, seconds=1.0))
    taken = withdraw(ledger, ["v001"], "captioner", 50.0)
    assert taken == Withdrawn(("v001", "v003"), 1)
    assert set(ledger.get_replies(["a", "b", "c"])) == {"b", "c"}, (
        "replies before the last finished run are not in doubt"
    )
    heads = ledger.heads(ids)
    assert {i for i in ids if "caption" in heads[i]} == {"v000", "v002"} == {i for i in ids if "binding" in heads[i]}
    works = Works()
    run_all(ledger, ids, works)
    assert works.calls == [("caption", "v001"), ("caption", "v003"), ("binding", "v001"), ("binding", "v003")]


def test_canary_outcomes_are_kept_by_video_and_replaced(ledger: Ledger) -> None:
    one = CanaryOutcome(picture="p", seed="s", words=(("red",),), said="A red circle.", right=True)
    assert canaries_of(ledger, "v") == CanaryOutcomes()
    for kept in (CanaryOutcomes(outcomes=(one, one)), CanaryOutcomes(outcomes=(one,))):
        keep_canaries(ledger, "v", kept)
        assert canaries_of(ledger, "v") == kept
