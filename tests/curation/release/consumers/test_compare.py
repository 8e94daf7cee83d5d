"""How answers of consumers are brought into one form, and how they are compared."""

from __future__ import annotations

import copy
import json
import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.release.column_types import arrow_type, named_types
from curation.release.consumers.answers import canonical
from curation.release.consumers.compare import first_difference
from curation.release.consumers.plan import Part, PlannedFile
from tests.curation.samples import picture

PLAIN = st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
)


@given(VALUES)
def test_equal_values_do_not_differ(value: Any) -> None:
    assert first_difference(canonical(value), canonical(copy.deepcopy(value))) is None


@given(st.lists(VALUES, min_size=1), st.data())
def test_another_value_anywhere_is_found(values: list[Any], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(values) - 1))
    other = [*values[:place], {"another": 1}, *values[place + 1 :]]
    if other != values:
        found = first_difference({"a": canonical(values)}, {"a": canonical(other)})
        assert found is not None and found.startswith(f"a[{place}]")


def test_a_difference_names_its_place() -> None:
    row = {"keyframes": [{"time": 1.0, "caption": "a"}, {"time": 2.0, "caption": None}]}
    other = copy.deepcopy(row)
    other["keyframes"][1]["caption"] = "b"
    assert first_difference(row, other) == 'keyframes[1].caption is "b" instead of null'
    assert first_difference(row, {"keyframes": row["keyframes"][:1]}) == (
        'keyframes[1] is absent instead of {"time": 2.0, "caption": null}'
    )
    assert first_difference(True, 1.0) is not None and first_difference([], None) is not None
    assert first_difference({}, None) is not None


def test_partial_answers_hold_what_they_take() -> None:
    row = {"id": "a", "summary": {"v2t": " text ", "more": 1.0}}
    assert first_difference(row, {"summary": {"v2t": "text"}}, partial=True) is None
    assert first_difference(row, {"summary": {"v2t": "other"}}, partial=True) is not None
    assert first_difference(row, {"none": 1.0}, partial=True) is not None


def test_libraries_give_one_form() -> None:
    assert canonical(np.array([1, 2])) == canonical([1.0, 2.0]) == canonical((np.int32(1), np.float64(2)))
    assert canonical(math.nan) is None and canonical(np.float64("nan")) is None
    assert canonical(np.bool_(True)) is True and canonical(True) is True
    assert canonical(np.array([{"a": np.int8(3)}], object)) == [{"a": 3.0}]
    data = picture(3)
    assert canonical({"bytes": data, "path": "x"}) == canonical(_opened(data))
    assert canonical({"bytes": picture(4), "path": "x"}) != canonical(_opened(data))
    assert canonical(b"a") != canonical(b"b")
    with pytest.raises(TypeError):
        canonical(object())


def _opened(data: bytes) -> Any:
    import io

    from PIL import Image

    return Image.open(io.BytesIO(data))


def test_types_have_one_name() -> None:
    kind = pa.struct([("a", pa.list_(pa.float64())), ("b", pa.large_string())])
    assert arrow_type(kind) == arrow_type(pa.struct([("a", pa.large_list(pa.float64())), ("b", pa.string())]))
    assert arrow_type(pa.list_(kind)) == "list<struct<a:list<float64>,b:string>>"
    assert named_types({"a": "int32"}, {"a": "int32"}) == []
    assert named_types({"a": "int64", "c": "bool"}, {"a": "int32", "b": "string"}) == [
        "the column b is missing",
        "there is a column c, which is not stated",
        "the column a is int64 instead of int32",
    ]
    assert "in the order b, a" in named_types({"b": "x", "a": "x"}, {"a": "x", "b": "x"})[0]


def part(*files: tuple[int, bool]) -> Part:
    made = (
        PlannedFile(path=f"full/train-{number}.parquet", rows=rows, bytes=1, opened=opened)
        for number, (rows, opened) in enumerate(files)
    )
    return Part(configuration="full", split="train", columns={}, files=tuple(made))


@given(st.lists(st.tuples(st.integers(0, 500), st.booleans()), min_size=1, max_size=6))
def test_sampled_rows_lie_in_the_opened_files(files: list[tuple[int, bool]]) -> None:
    made = part(*files)
    spans = {place for first, count in made.opened() for place in range(first, first + count)}
    sampled = made.sampled()
    places = [place for _, _, place in sampled]
    assert places == sorted(set(places)) and set(places) <= spans
    for file in made.files:
        rows = [row for one, row, _ in sampled if one == file]
        if file.opened and file.rows:
            assert rows[0] == 0 and rows[-1] == file.rows - 1
    assert json.loads(made.canonical())["split"] == "train"
