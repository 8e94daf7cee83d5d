"""Titles, credits, subtitles and signs are told from each other, and areas are those of the boxes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.text.screen.kinds import covered, kinds_of
from models.reader import ReadLine
from tests.curation.text.screen.drawn import card, scene, written

NAMES = ["Directed by", "Ada Example", "Camera", "Ben Example", "Music", "Cleo Example"]
EDGE = st.floats(0, 1)


@pytest.mark.parametrize("ground", ["black", "white", "navy"])
def test_cards_are_titles_or_credits(ground: str) -> None:
    picture, lines = card(["How to bake bread"], ground)
    assert kinds_of(picture, lines) == ("title",)
    picture, lines = card(NAMES, ground)
    assert kinds_of(picture, lines) == ("credits",) * 6


@pytest.mark.parametrize("seed", range(4))
def test_text_in_a_picture_is_a_subtitle_or_a_part_of_the_scene(seed: int) -> None:
    picture, lines = written(scene(seed), [("BAKERY", 20, 20), ("Now add the flour", 150, 225)])
    assert kinds_of(picture, lines) == ("scene", "subtitle")
    picture, lines = written(scene(seed), [("EXIT", 5, 240)], 14)
    assert kinds_of(picture, lines) == ("scene",), "in a corner"
    assert kinds_of(picture, ()) == ()


def test_the_lowest_line_of_a_slide_is_no_subtitle() -> None:
    lines = [(f"point number {place}", 60, 30 + 45 * place) for place in range(5)]
    assert kinds_of(*written(scene(2), lines)) == ("scene",) * 5


@given(st.lists(st.tuples(EDGE, EDGE, EDGE, EDGE), max_size=5))
def test_the_area_is_that_of_the_union(boxes: list[tuple[float, float, float, float]]) -> None:
    lines = [ReadLine("a", 1, min(a, b), min(c, d), max(a, b), max(c, d)) for a, b, c, d in boxes]
    share = covered(lines).mean()
    each = [(line.right - line.left) * (line.bottom - line.top) for line in lines]
    cells = 4 / 160  # an edge may take a cell more
    assert max(each, default=0) - 1e-9 <= share <= min(1.0, sum(area + 2 * cells for area in each)) + 1e-9
    assert covered([*lines, *lines]).mean() == share
