"""Counts in order."""

from __future__ import annotations

from schemas.kit.most_first import most_first


def test_the_largest_is_first_and_equal_ones_follow_their_names() -> None:
    assert [*most_first({"b": 1, "c": 3, "a": 1})] == ["c", "a", "b"]
    assert most_first({}) == {}
