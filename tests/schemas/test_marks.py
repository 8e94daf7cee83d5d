"""Texts without marks, against texts that the grammar formats and parses."""

from __future__ import annotations

import re

from hypothesis import example, given
from hypothesis import strategies as st

from schemas.marks import has_marks, line_number, lines_of, marks_in, strip_marks
from schemas.records import Sentence
from schemas.temporal import SlotLine, format_seconds, format_slots, format_stored

SENTENCES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30).filter(
    lambda text: bool(text.strip()) and not text.strip().startswith((".", "!", "?"))
)
LINES = st.lists(st.tuples(st.lists(st.integers(0, 99), min_size=1, max_size=4), SENTENCES), min_size=1, max_size=5)


def words(text: str) -> list[str]:
    return text.split()


@given(LINES)
@example([([3], "The sign says [12] and [3, 4]"), ([5], r"a backslash \[7] too")])
def test_what_is_left_of_every_form_and_dialect_is_the_sentences(lines: list[tuple[list[int], str]]) -> None:
    expected = words(" ".join(text for _, text in lines))
    slots = [SlotLine(tuple(times), text) for times, text in lines]  # type: ignore[arg-type]
    seconds = [Sentence(times=tuple(float(t) for t in times), text=text) for times, text in lines]  # type: ignore[misc]
    written = (
        format_slots(slots),
        format_slots(slots, dialect="lists"),
        format_seconds(seconds),
        format_stored(seconds).text,
    )
    for text in written:
        assert has_marks(text)
        assert words(strip_marks(text)) == expected


def test_full_stops_and_odd_spaces() -> None:
    assert strip_marks("A man runs [08, 09]. A dog [10]! ") == "A man runs. A dog!"
    assert strip_marks("[09]One.[10]Two.\n[11]\nThree") == "One. Two. Three"
    assert strip_marks("A. [08].") == "A." and strip_marks("A man. [08]. A dog! [09, 10]. He") == "A man. A dog! He"
    assert strip_marks("[00]A. [01].") == "A. .", "here the full stop is a sentence"
    assert strip_marks("[09] [10]\n[<f3>]") == ""
    assert strip_marks("[09]One. [10]...and two") == "One. ...and two"
    assert strip_marks(r"a \[12] sign [3.5]") == "a [12] sign"
    assert strip_marks("  no [marks] here, [sic] ") == "no [marks] here, [sic]"
    assert not has_marks(r"\[12] [a]")


@given(st.text("[]0 1,.<f>\\a", max_size=60))
def test_no_mark_is_left(text: str) -> None:
    assert not re.search(r"(?<!\\)\[[0-9]+\]", text) or strip_marks(text) != text.strip()


def test_huge_hostile_texts_take_no_time() -> None:
    for part in ("[", "[ ", "[1,", " ", "[1 ", "\\[1]", "[1]", "0 "):
        strip_marks(part * 200_000)


@given(st.lists(st.sampled_from(["[03]", "\n", "a", " ", "\\[4]"]), max_size=30).map("".join))
def test_marks_have_the_lines_in_which_they_begin(text: str) -> None:
    marks = marks_in(text)
    assert [line for line, _ in lines_of(text, marks)] == [line_number(text, mark.start()) for mark in marks]
