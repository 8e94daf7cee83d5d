"""The figures count what they say, on rows whose figures are known."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.ocr_study.figures import figures

TRUE = [["How to bake bread", "title", 0, 2], ["Wait 15 minutes", "subtitle", 5, 8], ["by Ada", "credits", 20, 23]]


def row(lines: list[list[Any]], read: int = 9) -> dict[str, Any]:
    return {"frames": 24, "true": TRUE, "changed": {"lines": lines, "read": read, "seconds": 1.5}}


def of(*lines: list[Any]) -> dict[str, Any]:
    return figures([row([*lines])], "changed")


def test_all_is_right() -> None:
    found = of(*TRUE)
    assert found["all"][:3] == found["exact"][:3] == found["begun"][:3] == [3, 3, 1.0]
    assert (found["letters_wrong"], found["invented"]) == (0, 0)
    assert (found["frames"], found["read"], found["seconds"]) == (24, 9, 1.5)
    assert found["kinds"]["title"] == {"title": 1, "subtitle": 0, "scene": 0, "credits": 0}


def test_case_and_blanks_do_not_count_and_letters_do() -> None:
    assert of(["HOW TO BAKEBREAD", "title", 1, 2])["exact"][0] == 1
    found = of(["Wait l5 minutos", "scene", 5, 8])
    assert found["all"][0] == 1 and found["exact"][0] == 0 and found["kinds"]["subtitle"]["scene"] == 1
    assert found["letters_wrong"] == pytest.approx((14 + 2 + 5) / (14 + 13 + 5)), "missing lines are wrong letters"


def test_what_is_read_at_another_time_or_is_another_text_was_not_written() -> None:
    found = of(["How to bake bread", "title", 9, 9], ["LIMB", "scene", 5, 8])
    assert found["all"][0] == 0 and found["invented"] == 2 and found["letters_wrong"] == 1


def test_a_line_in_pieces_is_found_once_and_begins_with_the_nearest() -> None:
    found = of(["How to bake bread", "title", 0, 0], ["How to bake bread", "title", 2, 2])
    assert found["all"][0] == 1 and found["invented"] == 0 and found["begun"][:2] == [1, 1]
    late = of(["How to bake bread", "title", 1, 2])
    assert late["begun"][:2] == [0, 1]
