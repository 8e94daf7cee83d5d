"""Text from outside becomes one harmless line, and stays as it is when it was one already."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.safe_text import clean_text, plain_line

HOSTILE = st.text(st.characters() | st.sampled_from("\u202e\u2066\ufeff\x00\r\n\u2028\ud800"))


@given(HOSTILE)
def test_clean_text_is_one_line_and_stays_as_it_is(text: str) -> None:
    value = clean_text(text)
    assert len(value.splitlines()) <= 1 and value == value.strip()
    assert clean_text(value) == value
    value.encode()
    if text.isascii() and text.isprintable():
        assert value == " ".join(text.split())


@given(HOSTILE)
def test_what_is_shown_holds_no_more_than_what_is_stored(text: str) -> None:
    assert set(plain_line(text)) <= set(clean_text(text)) | {" "}
