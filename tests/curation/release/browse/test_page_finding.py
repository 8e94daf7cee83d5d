"""Finding samples on the page in a real Chromium: the order, filters, and search."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from curation.release.browse.texts import fold
from tests.curation.release.browse.folders import listed, values
from tests.curation.release.browse.pages import IN_CHROMIUM, MADE, Open, settle, shown_ids

pytestmark = IN_CHROMIUM


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
