"""Places go to the smallest number that waits, and never to more than there are."""

from __future__ import annotations

import random
import threading
import time

import pytest

from curation.pipeline.turns import PriorityGate
from schemas.errors import Interrupted


@pytest.mark.parametrize("places", [1, 3])
def test_the_first_go_first_and_no_more_than_there_are_places(places: int) -> None:
    lane, order, inside, most = PriorityGate(places), [], 0, 0
    lock, opened = threading.Lock(), threading.Event()

    def work(number: int) -> None:
        nonlocal inside, most
        with lane.turn(number):
            with lock:
                order.append(number)
                inside += 1
                most = max(most, inside)
            opened.wait(30)
            time.sleep(0.002)
            with lock:
                inside -= 1

    first = [threading.Thread(target=work, args=(100 + i,)) for i in range(places)]
    for thread in first:
        thread.start()
    while len(order) < places:
        time.sleep(0.001)
    numbers = list(range(20))
    random.Random(1).shuffle(numbers)
    others = [threading.Thread(target=work, args=(number,)) for number in numbers]
    for thread in others:
        thread.start()
    while len(lane._waiting) < len(others):
        time.sleep(0.001)
    opened.set()
    for thread in [*first, *others]:
        thread.join(30)
    assert most == places
    came = order[places:]
    assert sorted(came) == list(range(20))
    # With several places, those let in within the same instant may note themselves in another order.
    assert all(abs(number - i) < places for i, number in enumerate(came))


def test_who_waits_is_told_to_stop_and_leaves_no_trace() -> None:
    stop = threading.Event()

    def raise_if_stopped() -> None:
        if stop.is_set():
            raise Interrupted("stop")

    lane, caught = PriorityGate(1, raise_if_stopped), []

    def wait() -> None:
        try:
            with lane.turn(1):
                pass
        except Interrupted as error:
            caught.append(error)

    with lane.turn(5):
        thread = threading.Thread(target=wait)
        thread.start()
        stop.set()
        thread.join(30)
    assert len(caught) == 1
    stop.clear()
    with lane.turn(9):
        pass


def test_an_error_gives_the_place_back() -> None:
    lane = PriorityGate(1)
    with pytest.raises(ValueError, match="x"), lane.turn(1):
        raise ValueError("x")
    with lane.turn(2):
        pass
