"""A page of a release: equal releases give equal bytes, every row is in it, and no row breaks it."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.release.browse.make import make_site
from curation.release.browse.overview import SCORES
from curation.release.browse.samples import PROBLEMS
from curation.release.browse.texts import fold
from schemas.errors import ConfigError
from tests.curation.finished import finished
from tests.curation.release.browse.folders import (
    listed,
    release_folder,
    site_values,
    values,
    write_manifest,
    write_rows,
)
from tests.curation.release.releases import release
from tests.curation.samples import SCORES as MEASURED
from tests.curation.samples import contents, make_sample

MADE = [make_sample(f"v{number:03d}", scores=MEASURED, language="en", tags=("sea",)) for number in range(7)]


def test_equal_releases_give_equal_bytes_and_every_row_is_there(tmp_path: Path) -> None:
    folder = release_folder(tmp_path / "release", MADE)
    made = make_site(folder, tmp_path / "one")
    make_site(folder, tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert (made.rows, made.pictures, made.without_picture, made.files) == (7, 7, 0, len(contents(tmp_path / "one")))
    assert made.bytes == sum(map(len, contents(tmp_path / "one").values()))
    rows = listed(tmp_path / "one")
    assert [row["id"] for row in rows] == ["v000", "v001", "v004", "v005", "v002", "v006", "v003"]
    site = site_values(tmp_path / "one")
    assert site["values"]["split"] == [["train", 4], ["validation", 2], ["test", 1]]
    assert site["values"]["licence"] == [["(not stated)", 7]]
    assert site["scores"] == [[name, good] for name, good in SCORES.items()]
    details = values(tmp_path / "one", "details")
    for row, each, texts, said in zip(
        rows, details, values(tmp_path / "one", "texts"), values(tmp_path / "one", "captions"), strict=True
    ):
        assert each["keyframes"] == [[time, caption] for time, caption, _ in said if time in (0.0, 3.0, 9.0)]
        assert len(said) == each["captions"] == each["frames"] == row["frames"] == 12
        assert texts.split("\n")[:3] == [row["id"], "harbour & hills", "sea"]
        assert fold(each["summary"]) in texts


def test_a_release_of_a_ledger_and_its_page_agree(tmp_path: Path) -> None:
    with finished(tmp_path / "w", MADE[:3], "export.title=Films", "export.licence=cc0-1.0") as (place, services):
        release(place, services)
    folder = tmp_path / "w" / "releases" / "0.1.0"
    before = contents(folder)
    site = make_site(folder, tmp_path / "page")
    assert site.rows == site.pictures == 3 and contents(folder) == before
    sheet = (tmp_path / "page" / "pictures" / "000" / "00000.jpg").read_bytes()
    first = pq.read_table(next(folder.glob("default/train-*.parquet"))).to_pylist()[0]
    assert first["contact_sheet"]["bytes"] == sheet and listed(tmp_path / "page")[0]["id"] == first["id"]


def test_without_pictures_there_are_none(tmp_path: Path) -> None:
    folder = release_folder(tmp_path / "release", MADE)
    made = make_site(folder, tmp_path / "page", pictures=False)
    assert (made.pictures, made.without_picture) == (0, 0)
    assert not (tmp_path / "page" / "pictures").exists()
    assert {row["sheet"] for row in listed(tmp_path / "page")} == {0.0}
    assert json.loads((tmp_path / "page" / "browse.json").read_text())["pictures"] is False


def test_a_release_without_rows_has_a_page(tmp_path: Path) -> None:
    write_manifest(tmp_path, 0)
    assert make_site(tmp_path, tmp_path.parent / f"{tmp_path.name}-page").rows == 0


def test_what_is_no_jpeg_is_no_picture_of_the_page(tmp_path: Path) -> None:
    full = [{"id": f"v{number}"} for number in range(3)]
    bad = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
    write_rows(tmp_path / "release", "full", full)
    sheets = [{"bytes": bad, "path": "../../x.svg"}, {"bytes": b"", "path": ""}, {"bytes": None, "path": None}]
    write_rows(
        tmp_path / "release", "default", [{**row, "contact_sheet": s} for row, s in zip(full, sheets, strict=True)]
    )
    write_manifest(tmp_path / "release", 3)
    made = make_site(tmp_path / "release", tmp_path / "page")
    assert (made.pictures, made.without_picture) == (0, 3)
    assert bad not in b"".join(contents(tmp_path / "page").values())


def test_rows_of_two_orders_are_refused(tmp_path: Path) -> None:
    write_rows(tmp_path, "full", [{"id": "a"}, {"id": "b"}])
    write_rows(tmp_path, "default", [{"id": "b"}, {"id": "a"}])
    write_manifest(tmp_path, 2)
    with pytest.raises(ConfigError, match="default and full have other rows"):
        make_site(tmp_path, tmp_path.parent / f"{tmp_path.name}-page")


def test_problems_are_those_of_the_rows(tmp_path: Path) -> None:
    def spoil(row: dict[str, Any]) -> dict[str, Any]:
        number = int(row["id"][1:])
        failed = {"index": 3, "time": 3.0, "reason": "blank"}
        return (
            row
            | {
                0: {"scores": {**row["scores"], "unsupported": 0.25}},
                1: {"scores": {**row["scores"], "binding_match": 0.5}},
                2: {"captions_failed": [failed]},
                3: {"defects": ["truncated: decoded 10.0 s of 30.0 s"]},
                4: {"filters": [{**row["filters"][0], "passed": False}]},
                5: {"review": {**row["review"], "status": "disputed"}},
                6: {},
            }[number]
        )

    folder = release_folder(tmp_path / "release", MADE, spoil)
    make_site(folder, tmp_path / "page")
    found = {row["id"]: row["problems"] for row in listed(tmp_path / "page")}
    assert found == {f"v{number:03d}": 1 << number if number < 6 else 0 for number in range(7)}
    assert [count for _, _, count in site_values(tmp_path / "page")["problems"]] == [1] * len(PROBLEMS)
    missing = [each for one in values(tmp_path / "page", "captions") for each in one if each[1] is None]
    assert missing == [[3.0, None, "blank"]]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
anything = st.recursive(
    st.none() | st.booleans() | st.floats() | texts,
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["time", "text", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)
NAMES = [
    *("title", "split", "licence", "publication", "file", "meta", "ratio", "keyframes", "captions", "captions_failed"),
    *("summary", "defects", "scores", "filters", "provenance", "review", "source", "sampling_fps"),
]


@pytest.mark.slow
@settings(max_examples=150)
@given(row=st.dictionaries(st.sampled_from(NAMES), anything), name=texts, address=texts)
def test_no_row_of_any_form_breaks_the_page(
    tmp_path_factory: pytest.TempPathFactory, row: dict[str, Any], name: str, address: str
) -> None:
    folder = tmp_path_factory.mktemp("any")
    try:
        write_rows(folder / "r", "full", [{"id": name, **row}])
    except Exception:  # noqa: BLE001 - Parquet has no such column
        return
    write_rows(folder / "r", "default", [{"id": name, "address": address}])
    write_manifest(folder / "r", 1)
    make_site(folder / "r", folder / "page", pictures=False)
    for kind in ("rows", "texts", "details", "captions"):
        assert len(values(folder / "page", kind)) == 1
