"""What is opened once is opened once, whoever asks first, and a failure is everybody's at once."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from curation.pipeline.shared_property import shared_property
from schemas.errors import ServerGone


class Opened:
    def __init__(self, *, fails: bool) -> None:
        self.fails = fails
        self.made = 0

    @shared_property
    def thing(self) -> object:
        """The thing."""
        self.made += 1
        time.sleep(0.05)
        if self.fails:
            raise ServerGone("nobody there")
        return object()

    @shared_property
    def other(self) -> tuple[object, str]:
        """Made from the first one."""
        return self.thing, "other"


def test_all_threads_get_the_same() -> None:
    opened = Opened(fails=False)
    start = threading.Barrier(16)

    def ask(_: int) -> object:
        start.wait(30)
        return opened.other[0]

    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(ask, range(16)))
    assert found == {opened.thing} and opened.made == 1


def test_a_failure_is_told_to_all_and_tried_once() -> None:
    opened = Opened(fails=True)

    def ask(_: int) -> str:
        with pytest.raises(ServerGone) as caught:
            _unused = opened.thing
        return str(caught.value)

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(ask, range(16))) == {"nobody there"}
    assert opened.made == 1


def test_a_test_or_benchmark_may_put_its_own_there() -> None:
    opened = Opened(fails=True)
    opened.__dict__["thing"] = 5
    assert opened.thing == 5 and opened.made == 0
    assert Opened.thing.__doc__ == "The thing."
