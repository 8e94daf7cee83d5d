"""Texts that break readers are made readable; all others stay as they are."""

import datasets
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.release.readable import LONGEST, arrow_batch, readable
from schemas.kit.utf8 import storable_text

FEATURES = datasets.Features(
    {
        "id": datasets.Value("string"),
        "turns": datasets.List({"value": datasets.Value("string"), "tags": datasets.List(datasets.Value("string"))}),
        "made": {"model": datasets.Value("string")},
        "picture": datasets.Image(),
    }
)
SCHEMA = FEATURES.arrow_schema


def row(text: str | None, picture: bytes = b"\0jpeg") -> dict[str, object]:
    turns = [{"value": text, "tags": [] if text is None else [text]}]
    return {"id": "v1", "turns": turns, "made": {"model": text}, "picture": {"bytes": picture, "path": text}}


@given(st.lists(st.none() | st.text(st.characters(exclude_categories=())), min_size=1, max_size=4))
def test_any_text_is_written_as_utf8_without_nul(texts: list[str | None]) -> None:
    read = arrow_batch([row(text) for text in texts], SCHEMA).to_pylist()
    assert read == [row(None if text is None else storable_text(text)) for text in texts]
    assert [one["picture"]["bytes"] for one in read] == [b"\0jpeg"] * len(texts), "pictures may hold NUL"


@pytest.mark.parametrize("length", [LONGEST, LONGEST + 1, 30 * LONGEST])
def test_a_text_without_an_end_is_cut_and_says_so(length: int) -> None:
    assert len(readable("x" * length)) == min(length, LONGEST)
    assert readable("x" * length).endswith("…") == (length > LONGEST)


def test_huge_texts_are_found_in_every_place() -> None:
    long = "y" * (30 * LONGEST)
    (read,) = arrow_batch([row(long)], SCHEMA).to_pylist()
    assert read == row(readable(long)) != row(long)


@pytest.mark.parametrize("length", [LONGEST, LONGEST + 1, 20 * LONGEST])
def test_a_text_is_cut_or_not_whatever_its_neighbours_are(length: int) -> None:
    """A row has the same bytes alone and beside others: `diff` would else show a change."""
    one, neighbour = row("z" * length), row("\0" + "y" * (30 * LONGEST))
    (alone,) = arrow_batch([one], SCHEMA).to_pylist()
    beside = arrow_batch([one, neighbour], SCHEMA).to_pylist()[0]
    assert alone == beside == row(readable("z" * length))


def test_a_value_of_a_wrong_type_is_an_error() -> None:
    with pytest.raises((pa.ArrowInvalid, pa.ArrowTypeError)):
        arrow_batch([{**row("a"), "made": {"model": 3}}], SCHEMA)
