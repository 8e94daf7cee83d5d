"""Texts of the page: nothing invisible is shown, and folding keeps what people look for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.release.browse.texts import fold, number, search_text, shown
from schemas.safe_text import plain


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@given(st.text(st.characters(max_codepoint=127)))
def test_the_short_way_for_ascii_is_the_long_way(text: str) -> None:
    assert fold(text) == fold(text + " é").removesuffix("e").rstrip()


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Café CRÈME", "cafe creme"),
        ("ΣΊΣΥΦΟΣ", "σισυφοσ"),
        ("Ｆｕｌｌ width", "full width"),
        ("東京タワー", "東京タワー"),
        ("がぎ", "がぎ"),  # the mark makes another letter here
        ("हिन्दी", "हिन्दी"),
        ("한국어", "한국어"),
        ("İstanbul", "istanbul"),
        ("a\u00a0b\u3000c", "a b c"),
    ],
)
def test_accents_go_and_letters_stay(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_a_phrase_does_not_reach_over_two_texts() -> None:
    assert search_text(["A red", None, "", "Kite flies"]) == "a red\nkite flies"


@given(st.text() | st.integers() | st.none() | st.binary())
def test_what_is_shown_is_plain_text_or_nothing(value: object) -> None:
    told = shown(value, 50)
    assert told is None or (told and told == plain(told, 50) and len(told) <= 50)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "1", None, b"1", [1]])
def test_what_json_has_no_number_for_is_none(value: object) -> None:
    assert number(value) is None
    assert number(1.5) == 1.5 and number(0) == 0
