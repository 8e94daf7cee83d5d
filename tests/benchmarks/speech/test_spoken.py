"""The word-error rate, against values that were counted by hand."""

from __future__ import annotations

import pytest

from benchmarks.speech.spoken import error_rate


@pytest.mark.parametrize(
    ("heard", "rate"),
    [
        ("The red kite rises.", 0.0),
        ("the RED kite, rises", 0.0),
        ("the bed kite rises up", 0.5),
        ("kite", 0.75),
        ("", 1.0),
    ],
)
def test_the_word_error_rate(heard: str, rate: float) -> None:
    assert error_rate("The red kite rises.", heard) == rate
