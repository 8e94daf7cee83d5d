"""Files of values: every value comes back, files are small, and no value is more than data."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.release.browse.script_files import ScriptFiles, json_text, numbered
from tests.curation.release.browse.folders import values

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab", max_size=3), inner, max_size=4),
    max_leaves=10,
)


@given(json_values)
def test_json_means_the_same_and_ends_no_element(value: Any) -> None:
    text = json_text(value)
    assert json.loads(text) == value
    assert not set(text) & {"<", "\u2028", "\u2029"}


@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_numbers_that_json_lacks_are_refused(value: float) -> None:
    with pytest.raises(ValueError):
        json_text([value])


def test_files_are_bounded_and_starts_lead_to_every_value(tmp_path: Path) -> None:
    made = [f"{number} " + "x" * (number % 700) for number in range(500)]
    files = ScriptFiles(tmp_path, "details", page_bytes=4000)
    for value in made:
        files.add(value)
    files.close()
    written = sorted(tmp_path.glob("data/details/*/*.js"))
    assert values(tmp_path, "details") == made
    assert len(files.starts) == len(written) > 20
    assert max(path.stat().st_size for path in written) < 4000 + 700 + 1000
    assert files.bytes == sum(path.stat().st_size for path in written)
    for number, start in enumerate(files.starts):
        first = (tmp_path / f"{numbered('data/details', number)}.js").read_text().split("\n")[1].rstrip(",")
        assert json.loads(first) == made[start]


def test_no_folder_has_more_than_a_thousand_files(tmp_path: Path) -> None:
    files = ScriptFiles(tmp_path, "rows", most=1)
    for value in range(2001):
        files.add(value)
    files.close()
    assert [len(list(folder.iterdir())) for folder in sorted((tmp_path / "data" / "rows").iterdir())] == [1000, 1000, 1]
    assert values(tmp_path, "rows") == list(range(2001))
