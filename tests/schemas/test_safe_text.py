"""Text from outside becomes one harmless line, and stays as it is when it was one already."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.safe_text import clean_text, plain_line, public_address, public_text

HOSTILE = st.text(st.characters() | st.sampled_from("\u202e\u2066\ufeff\x00\r\n\u2028\ud800"))


@given(HOSTILE)
def test_clean_text_is_one_line_and_stays_as_it_is(text: str) -> None:
    value = clean_text(text)
    assert len(value.splitlines()) <= 1 and value == value.strip()
    assert clean_text(value) == value
    value.encode()
    if text.isascii() and text.isprintable():
        assert value == " ".join(text.split())


def plain_before(text: str) -> str:
    """`plain_line`, character by character."""
    unshown = ("Cc", "Cs", "Zl", "Zp")
    direction = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    kept = (c for c in text if c.isspace() or (unicodedata.category(c) not in unshown and c not in direction))
    return " ".join("".join(" " if c.isspace() else c for c in kept).split())


def test_every_character_is_shown_or_left_out_by_its_category() -> None:
    for code in range(0x20000):  # beyond these are ideographs, and signs without a category of ours
        text = f"a{chr(code)}b "
        assert plain_line(text) == plain_before(text), hex(code)


@given(HOSTILE)
def test_what_is_shown_holds_no_more_than_what_is_stored(text: str) -> None:
    assert set(plain_line(text)) <= set(clean_text(text)) | {" "}


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("/nope/x.mp4", "/nope/x.mp4"),
        ("clips/a b.mp4", "clips/a b.mp4"),
        ("/home/ada/films/x.mp4", "~/films/x.mp4"),
        ("C:\\Users\\ada\\x.mp4", "~\\x.mp4"),
        ("file:///Users/ada/x.mp4", "file://~/x.mp4"),
        ("me@home.mp4", "me@home.mp4"),
        ("https://ada:pw@h.example/v?id=7&X-Amz-Signature=ab&token=c", "https://h.example/v?id=7"),
        ("ftp://ada:pw@h.example/v", "ftp://h.example/v"),
        ("ada:pw@h.example/v?token=c", "h.example/v"),
        ("http://[broken?key=1", "http://[broken"),
        ("x" * 900, "x" * 299 + "…"),
        ("a\n\x1b[31mb", "a [31mb"),
    ],
)
def test_what_was_asked_for_is_named_without_secrets(asked: str, shown: str) -> None:
    assert public_address(asked) == shown
    assert public_address(shown) == shown


def test_a_message_names_the_path_that_was_asked_for_and_no_other() -> None:
    message = "row 1: no file '/home/ada/x.mp4', see /home/ada/log.txt"
    assert public_text(message) == "row 1: no file 'x.mp4', see log.txt"
    assert public_text(message, asked="~/x.mp4") == "row 1: no file '~/x.mp4', see log.txt"
