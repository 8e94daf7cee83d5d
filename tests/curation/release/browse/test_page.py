"""The page in a real Chromium: over file:// and http, by keys, by filters, on a phone, and with hostile texts."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from curation.release.browse.make import make_site
from curation.release.browse.texts import fold
from schemas.records import SampleScores
from tests.annotation.browser import CHROMIUM, chromium
from tests.curation.release.browse.folders import listed, release_folder, values
from tests.curation.samples import make_sample

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")]
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


def _address(row: dict[str, Any]) -> dict[str, Any]:
    """The address as somebody else's release may have it: rows of this program have public addresses only."""
    known = ADDRESSES.get(row["id"])
    return row if known is None else row | {"publication": {**row["publication"], "webpage_url": known}}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("browse")
    release_folder(folder / "release", MADE, _address, title=HOSTILE[0])
    make_site(folder / "release", folder / "page #1 %20ä")
    return folder / "page #1 %20ä"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert CHROMIUM is not None
    with chromium(CHROMIUM) as opened:
        yield opened


@pytest.fixture(scope="module")
def http(site: Path) -> Iterator[str]:
    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/index.html"
    server.shutdown()
    server.server_close()


Open = Callable[..., "Page"]


@pytest.fixture
def opened(browser: Browser, site: Path) -> Iterator[Open]:
    """Opens the page; fails when the browser reports an error, a refused load, or a request to somewhere else."""
    contexts, faults = [], []

    def open_page(hash_: str = "", *, address: str | None = None, size: tuple[int, int] = (1280, 900)) -> Page:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        start = address or (site / "index.html").as_uri()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
        page.on("dialog", lambda dialog: faults.append(dialog.message))
        inside = start.removesuffix("index.html")
        page.on("request", lambda r: None if r.url.startswith(inside) else faults.append(f"asked for {r.url}"))
        page.goto(start + hash_)
        page.locator("html[data-ready=yes]").wait_for(state="attached")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert faults == []


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


def test_the_worst_come_first_and_those_without_scores_last(opened: Open, site: Path) -> None:
    rows = sorted(listed(site), key=lambda row: (row["share"] is None, row["share"] or 0, row["id"]))
    assert shown_ids(opened()) == [row["id"] for row in rows]
    assert [row["id"] for row in rows if row["share"] is None] == sorted(f"v{n:03d}" for n in range(0, 70, 9))


def test_orders(opened: Open, site: Path) -> None:
    rows = listed(site)
    page = opened("#sort=id")
    assert shown_ids(page) == sorted(row["id"] for row in rows)
    for sort, key in {
        "duration": lambda row: row["duration"],
        "duration-down": lambda row: -row["duration"],
        "ratio": lambda row: row["ratio"],
        "grounding": lambda row: 9 if row["scores"][0] is None else row["scores"][0],
    }.items():
        page.locator("select[data-field=sort]").select_option(sort)
        page.wait_for_url(f"**#sort={sort}")
        assert shown_ids(page) == [row["id"] for row in sorted(rows, key=lambda row: (key(row), row["id"]))]


def test_filters_find_what_a_slow_search_finds(opened: Open, site: Path) -> None:
    rows = listed(site)
    texts = dict(zip([row["id"] for row in rows], values(site, "texts"), strict=True))
    by_id = {sample.video.id: sample for sample in MADE}

    def ids(fits: Callable[[dict[str, Any]], bool]) -> set[str]:
        return {row["id"] for row in rows if fits(row)}

    cases: dict[str, set[str]] = {
        "split=test": ids(lambda row: int(row["id"][1:]) % 4 == 3),
        "language=ja": ids(lambda row: by_id[row["id"]].video.publication.language == "ja"),
        "licence=CC+BY": ids(lambda row: by_id[row["id"]].video.publication.licence == "CC BY"),
        "language=(not+stated)": ids(lambda row: by_id[row["id"]].video.publication.language is None),
        "problem=unsupported": ids(lambda row: row["problems"] & 1),
        "problem=any": ids(lambda row: row["problems"]),
        "dmin=20&dmax=30": ids(lambda row: 20 <= row["duration"] <= 30),
        "rmin=10": ids(lambda row: row["ratio"] >= 0.1),
        "score=grounding&smin=0.2&smax=0.3": ids(lambda row: 0.2 <= (row["scores"][0] or 0) <= 0.3),
        "q=kite": ids(lambda row: "kite" in texts[row["id"]]),
        "q=CAF%C3%89+boat": ids(lambda row: "cafe" in texts[row["id"]] and "boat" in texts[row["id"]]),
        "q=%E6%9D%B1%E4%BA%AC": ids(lambda row: "東京" in texts[row["id"]]),
        'q="two+cooks."': ids(lambda row: "two cooks." in texts[row["id"]]),
        'q=film+-"of+the"': ids(lambda row: "film" in texts[row["id"]] and "of the" not in texts[row["id"]]),
        "q=v013&split=train": {"v013"},
        "q=-": ids(lambda row: True),
        "language=xx": set(),
        "q=nothing+of+it": set(),
    }  # fmt: skip
    page = opened("#q=kite")
    settle(page, "samples")
    page.locator("#status:not(:has-text('so far'))").wait_for()
    assert any(0 < len(case) < 70 for case in cases.values())
    for asked, expected in cases.items():
        page.evaluate("hash => { location.hash = hash; }", asked)
        settle(page, f"{len(expected)} of 70 samples")
        assert set(shown_ids(page)) == expected, asked


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


def test_the_page_folds_text_as_the_index_does(opened: Open) -> None:
    """Every letter of the basic plane that Python knows, and words with a final sigma and a dotted I."""
    page = opened()
    letters = [chr(code) for code in range(0x20, 0x10000) if not 0xD800 <= code < 0xE000]
    known = [letter for letter in letters if letter.isprintable() or letter.isspace()]
    asked = [f"a{letter}b{letter}" for letter in known] + [
        "ΟΔΟΣ ὈΔΥΣΣΕΎΣ",
        "İIıi",
        "ﬁn Straße",
        "e\u0301 x\u0328\u0301",
        "½ ™ ㌔",
    ]
    told = page.evaluate("(texts) => texts.map(v2xum.fold)", asked)
    other = [text for text, one in zip(asked, told, strict=True) if fold(text) != one]
    assert len(other) < 10, other[:20]  # letters that one of the two Unicode versions does not know


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
