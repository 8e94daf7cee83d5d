"""The films are the same every time, and show what they say that they show."""

from __future__ import annotations

import itertools

import numpy as np

from benchmarks.ocr_study.films import CREDITS, FPS, SIZE, TITLE, _pictures, film


def test_every_film_has_all_kinds_and_every_line_lies_in_it() -> None:
    kinds = set[str]()
    for number in range(12):
        made = film(number)
        assert made == film(number) and made.lines[0].kind == "title"
        assert all(0 <= line.first <= line.last < made.seconds for line in made.lines)
        spoken = [line for line in made.lines if line.kind == "subtitle"]
        assert all(one.last < other.first for one, other in itertools.pairwise(spoken)), "one at a time"
        assert sum(line.kind == "credits" and line.last == made.seconds - 1 for line in made.lines) == 6
        kinds |= {line.kind for line in made.lines}
    assert kinds == {"title", "subtitle", "scene", "credits"}


def test_pictures_change_where_lines_begin_and_end() -> None:
    made = film(3)
    shown = list(_pictures(made))
    assert len(shown) == made.seconds * FPS and shown[0].shape == (SIZE[1], SIZE[0], 3)
    assert (shown[0] == shown[TITLE * FPS - 1]).all() and (shown[0] != shown[TITLE * FPS]).any()
    assert (shown[-1] == shown[-CREDITS * FPS]).all() and (shown[-1] != shown[-CREDITS * FPS - 1]).any()
    low = slice(SIZE[1] - 60, SIZE[1] - 20)
    for line in (one for one in made.lines if one.kind == "subtitle"):
        pair = (shown[at * FPS][low].astype(int) for at in (line.first, line.first - 1))
        first, before = pair
        assert np.abs(first - before).max() > 60 or line.first == TITLE
