"""The trivial videos of benchmarks: no two are alike, or a run would set them aside as duplicates."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.instant import _pictures

NUMBERS = st.integers(0, 100_000)


@given(NUMBERS, NUMBERS)
def test_two_films_differ_in_every_picture(one: int, other: int) -> None:
    for first, second in zip(_pictures(one, 3), _pictures(other, 3), strict=True):
        assert (first == second).all() == (one == other)


def test_the_films_of_the_largest_size_all_differ() -> None:
    assert len({next(_pictures(number, 1)).tobytes() for number in range(30_000)}) == 30_000
