"""Numbers with their nouns."""

from __future__ import annotations

from schemas.kit.number_of import number_of


def test_only_one_is_singular() -> None:
    assert [number_of(n, "video") for n in (0, 1, 2, 1204)] == ["0 videos", "1 video", "2 videos", "1,204 videos"]
    assert number_of(2, "reply") == "2 replies"
