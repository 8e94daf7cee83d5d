"""Work ahead on threads: the order, what is raised, and how much is taken."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from curation.release.in_order import THREADS, in_order


def test_results_come_in_the_order_of_the_items() -> None:
    def work(number: int) -> int:
        time.sleep(0.01 * (number % 3 == 0))
        return 2 * number

    assert list(in_order(work, range(40), "t")) == [2 * number for number in range(40)]
    assert list(in_order(work, [], "t")) == []


def test_some_items_are_taken_ahead_and_no_more() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    made = in_order(lambda number: number, items(), "t")
    assert next(made) == 0
    assert 1 < len(taken) <= 3 * THREADS
    made.close()  # type: ignore[attr-defined]
    assert len(taken) <= 3 * THREADS
    assert not [each for each in threading.enumerate() if each.name.startswith("t_")]


def test_what_work_and_items_raise_is_raised_after_the_results_before_it() -> None:
    def work(number: int) -> int:
        if number == 3:
            raise OSError("three")
        return number

    made = in_order(work, range(100), "t")
    assert [next(made) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(OSError, match="three"):
        next(made)

    def items() -> Iterator[int]:
        yield 1
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        list(in_order(work, items(), "t"))
