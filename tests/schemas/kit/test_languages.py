"""Languages by their tags: the ways in which files and publishers write one language are one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.kit.languages import is_in, language_of


@pytest.mark.parametrize("tag", ["de", "DE", "deu", "ger", "de-AT", "de_AT", " de ", "ger-AT"])
def test_one_language_is_written_in_several_ways(tag: str) -> None:
    assert language_of(tag) == "de" and is_in(tag, "de") and is_in(tag, "ger") and not is_in(tag, "en")


@pytest.mark.parametrize("tag", ["", "und", "v2", "xx", "forced", "movie", "-", "_", "\x00", "en" * 40, "١٢"])
def test_what_names_no_language_is_in_none(tag: str) -> None:
    assert language_of(tag) is None and not is_in(tag, "en")


def test_a_region_is_meant_where_it_is_wanted() -> None:
    assert is_in("en_gb", "en-GB") and is_in("en-GB-oxendict", "en-GB")
    assert not is_in("en", "en-GB") and not is_in("en-US", "en-GB") and not is_in("eng", "en-GB")
    assert is_in("en-orig", "en"), "so YouTube names what was spoken"
    assert is_in("iw", "he") and is_in("chi", "zh-Hans") is False


@given(st.text(max_size=100), st.text(max_size=10))
def test_no_tag_is_too_strange(tag: str, wanted: str) -> None:
    assert is_in(tag, tag) and is_in(tag, wanted) in (True, False)
