"""Reading the files of formats back: records come as they were written, and every other file is named."""

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.release.formats.files import write_array, write_lines
from curation.release.formats.reading import NotRecords, first, inside, read_array, read_json, read_lines, side_by_side

TEXT = st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(["\u2028", "\x85", "]\n[", "\r\n"])
RECORDS = st.lists(st.dictionaries(TEXT, TEXT | st.integers() | st.lists(TEXT, max_size=2), max_size=3), max_size=5)


@given(RECORDS)
def test_records_come_back_in_both_forms(records: list[dict[str, object]]) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        lines, array = Path(folder, "x.jsonl"), Path(folder, "x.json")
        assert write_lines(lines, records) == write_array(array, records) == len(records)
        assert [*read_lines(lines)] == [*read_array(array)] == json.loads(array.read_text("ascii")) == records


@pytest.mark.parametrize(
    "text", ["", "[", "[\n", "[\n{}\n", "{}\n", "[\n1\n]\n", "[\n{}\n]\n{}\n", "[]\n[]\n", "[\n" + "[" * 99999]
)
def test_a_file_that_is_no_array_of_records_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(NotRecords):
        list(read_array(path))


def test_a_small_file_that_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xff")
    for name in ("x", "missing"):
        with pytest.raises(NotRecords, match="cannot be read as JSON"):
            read_json(tmp_path / name)


def test_fewer_and_more_records_are_told_apart() -> None:
    with pytest.raises(NotRecords, match="1 records, more are expected"):
        list(side_by_side([1, 2], [{}]))
    with pytest.raises(NotRecords, match="1 records, fewer are expected"):
        list(side_by_side([1], [{}, {}]))


def test_no_path_leads_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "link").symlink_to(tmp_path)
    assert inside(tmp_path / "f", "train/x") == tmp_path / "f" / "train/x"
    for name in ("../x", "/etc/passwd", "link/x"):
        with pytest.raises(NotRecords, match="leads out"):
            inside(tmp_path / "f", name)


def test_many_problems_are_cut() -> None:
    assert first(map(str, itertools.count()), 2) == ["0", "1", "and more"]
    assert first(["a"], 2) == ["a"]


def test_lines_that_are_no_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b'{"a": 1}\n{"b": "\xff"}\n')
    for read in (read_lines, read_array):
        with pytest.raises(NotRecords, match=r"not text in UTF-8|not a JSON array"):
            list(read(tmp_path / "x"))
