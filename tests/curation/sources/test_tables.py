"""CSV and TSV lists: every line is a row or a rejection that names it, whatever quotation marks it holds."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.sources.read import read_sources
from schemas.configuration.config import SourceSpec
from schemas.errors import ConfigError
from schemas.records import Rejection, Source


def read(folder: Path, name: str, text: str | bytes) -> tuple[list[Source], list[Rejection]]:
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    items = list(read_sources(SourceSpec(at=name), base=folder))
    return [i for i in items if isinstance(i, Source)], [i for i in items if isinstance(i, Rejection)]


def url(number: int) -> str:
    return f"https://h.example/{number}"


def test_an_unclosed_quotation_mark_costs_its_own_row_alone(tmp_path: Path) -> None:
    text = f'url,title\n{url(1)},one\n{url(2)},"open\n{url(3)},three\n{url(4)},four\n'
    sources, (rejection,) = read(tmp_path, "l.csv", text)
    assert [(s.uri, s.title) for s in sources] == [(url(1), "one"), (url(3), "three"), (url(4), "four")]
    assert rejection.reason == "unreadable_row"
    assert rejection.evidence.startswith("l.csv row 2, line 3: ") and "never closed" in rejection.evidence


@pytest.mark.parametrize("later", ['"three, and more"', 'three"', '"three""s"', '""'])
def test_an_unclosed_quotation_mark_that_a_later_row_seems_to_close(tmp_path: Path, later: str) -> None:
    text = f'url,title\n{url(1)},"open\n{url(2)},two\n{url(3)},{later}\n{url(4)},four\n'
    sources, rejections = read(tmp_path, "l.csv", text)
    assert [s.uri for s in sources] == [url(2), url(3), url(4)]
    assert [r.evidence.partition(": ")[0] for r in rejections] == ["l.csv row 1, line 2"]


@pytest.mark.parametrize("ids", [("aB3_-678901", "bB3_-678901"), ("a.mp4", "b.mp4")])
def test_rows_of_ids_and_of_files_are_not_swallowed_either(tmp_path: Path, ids: tuple[str, str]) -> None:
    for name in ids:
        (tmp_path / name).write_bytes(name.encode())
    sources, rejections = read(tmp_path, "l.csv", f'video,title\n{ids[0]},"open\n{ids[1]},two\n{ids[0]}x,three"\n')
    assert [Path(s.uri).name[-11:] for s in sources] == [ids[1]]
    assert [r.reason for r in rejections] == ["unreadable_row", "file_not_found"]


def test_what_follows_a_closing_quotation_mark_is_not_guessed(tmp_path: Path) -> None:
    sources, (rejection,) = read(tmp_path, "l.csv", f'url,title\n{url(1)},"a" b\n{url(2)},c\n')
    assert [s.uri for s in sources] == [url(2)]
    assert rejection.evidence.startswith("l.csv row 1, line 2: ") and "written twice" in rejection.evidence


def test_a_title_of_several_lines_is_one_title(tmp_path: Path) -> None:
    sources, rejections = read(tmp_path, "l.csv", f'url,title\n{url(1)},"one,\ntwo: description, more\n"\n{url(2)},b\n')
    assert rejections == []
    assert [s.title for s in sources] == ["one,\ntwo: description, more", "b"]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_a_tsv_title_that_begins_with_a_quotation_mark(tmp_path: Path, ending: str) -> None:
    titles = ['"Hello" she said', '"open', 'plain "quoted" inside', "back\\slash", '"']
    lines = ["url\ttitle\tlicence", *(f"{url(i)}\t{title}\tCC0" for i, title in enumerate(titles))]
    sources, rejections = read(tmp_path, "l.tsv", ending.join(lines))
    assert rejections == []
    assert [s.title for s in sources] == titles
    assert {s.metadata["licence"] for s in sources} == {"CC0"}


def test_a_tsv_of_a_csv_writer_is_read_back(tmp_path: Path) -> None:
    titles = ['"Hello" she said', "a\ttab", "two\nlines", 'three\n\n"lines"', "x"]
    with (tmp_path / "l.tsv").open("w", newline="") as stream:
        csv.writer(stream, dialect="excel-tab").writerows(
            [("url", "title"), *((url(i), t) for i, t in enumerate(titles))]
        )
    sources, rejections = read(tmp_path, "l.tsv", (tmp_path / "l.tsv").read_bytes())
    assert rejections == []
    assert [s.title for s in sources] == titles


def test_tabs_too_many_are_named(tmp_path: Path) -> None:
    (source,), (rejection,) = read(tmp_path, "l.tsv", f"url\ttitle\n{url(1)}\ta\tb\n\n{url(2)}\tc\n")
    assert (source.uri, rejection.reason) == (url(2), "malformed_row")
    assert rejection.evidence == "l.tsv row 1, line 2: 3 fields under 2 columns"


def test_a_header_that_cannot_be_read_stops_the_command(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"l\.csv: line 1.*header.*never closed"):
        read(tmp_path, "l.csv", f'url,"title\n{url(1)},a\n')


def test_columns_are_known_though_no_row_fills_them_and_though_the_first_hundred_are_broken(tmp_path: Path) -> None:
    text = "url,title\n" + "".join(f"{url(i)}\n" for i in range(120)) + f"{url(200)},last\n"
    sources, _ = read(tmp_path, "l.csv", text)
    assert [s.title for s in sources][-2:] == [None, "last"]
    sources, rejections = read(tmp_path, "l.csv", "url,title\n" + '"x"y\n' * 120 + f"{url(200)},last\n")
    assert (len(sources), len(rejections)) == (1, 120)


cells = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12)
nasty = st.text(st.sampled_from('"a,\n\r\t \\'), max_size=8)


@given(st.lists(cells | nasty, min_size=1, max_size=6), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_what_a_csv_writer_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, titles: list[str], how: int
) -> None:
    folder = tmp_path_factory.mktemp("written")
    with (folder / "l.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, quoting=how)  # type: ignore[arg-type]
        writer.writerows([("url", "title"), *((url(i), title) for i, title in enumerate(titles))])
    sources, rejections = read(folder, "l.csv", (folder / "l.csv").read_bytes())
    assert rejections == []
    assert [s.title for s in sources] == [title.strip() or None for title in titles]


lines = st.text(st.sampled_from('"a, \\x'), max_size=8)


@pytest.mark.parametrize(("name", "mark"), [("l.csv", ","), ("l.tsv", "\t")])
@given(st.lists(lines, min_size=1, max_size=7))
def test_no_line_of_a_table_is_swallowed(
    tmp_path_factory: pytest.TempPathFactory, name: str, mark: str, titles: list[str]
) -> None:
    """As many rows as lines come out, whatever stands in the titles, and rows of a TSV keep their titles."""
    folder = tmp_path_factory.mktemp("lines")
    rows = [f"{url(i)}{mark}{title}" for i, title in enumerate(titles)]
    sources, rejections = read(folder, name, "\n".join([f"url{mark}title", *rows]))
    assert len(sources) + len(rejections) == len(rows)
    numbers = [s.origin.row for s in sources] + [int(r.evidence.split("row ")[1].split(",")[0]) for r in rejections]
    assert sorted(numbers) == list(range(1, len(rows) + 1))
    if mark == "\t":
        assert rejections == []


@pytest.mark.slow
def test_hostile_quotation_marks_cost_no_more_than_the_file_is_long(tmp_path: Path) -> None:
    count = 20_000
    text = "url,title\n" + "".join(f'{url(i)},"x""{"y" * (i % 3)}\n' for i in range(count))
    began = time.monotonic()
    sources, rejections = read(tmp_path, "l.csv", text)
    assert len(sources) + len(rejections) == count
    sources, rejections = read(tmp_path, "m.csv", f'url,title\n{url(0)},"open\n' + f"{url(1)},a\n" * 50_000)
    assert (len(sources), len(rejections)) == (1, 50_000)  # the others repeat an address
    assert time.monotonic() - began < 60
