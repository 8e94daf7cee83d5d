"""Work that several threads ask for at once is done once."""

from __future__ import annotations

import threading
import time

import pytest

from schemas.kit.single_flight import SingleFlight


def ask(flight: SingleFlight[int], keys: list[str], begun: list[str], fail: bool = False) -> list[object]:
    start, made = threading.Barrier(len(keys)), [None] * len(keys)

    def work(key: str) -> int:
        begun.append(key)
        time.sleep(0.05)
        if fail:
            raise ValueError(key)
        return len(begun)

    def one(which: int) -> None:
        start.wait()
        try:
            made[which] = flight.run(keys[which], lambda: work(keys[which]))
        except ValueError as error:
            made[which] = str(error)

    threads = [threading.Thread(target=one, args=(which,)) for which in range(len(keys))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return made


def test_calls_with_one_key_share_the_work_and_others_do_not_wait_for_it() -> None:
    flight: SingleFlight[int] = SingleFlight()
    begun: list[str] = []
    made = ask(flight, ["a"] * 6 + ["b"] * 6, begun)
    assert sorted(begun) == ["a", "b"]
    assert len(set(made[:6])) == len(set(made[6:])) == 1
    flight.run("a", lambda: begun.append("again") or 1)
    assert begun[-1] == "again", "what is done is not remembered"


def test_an_error_is_shared_and_the_next_call_tries_again() -> None:
    flight: SingleFlight[int] = SingleFlight()
    begun: list[str] = []
    assert ask(flight, ["a"] * 4, begun, fail=True) == ["a"] * 4
    assert begun == ["a"]
    assert flight.run("a", lambda: 7) == 7


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupted_call_leaves_nobody_waiting(error: type[BaseException]) -> None:
    flight: SingleFlight[int] = SingleFlight()

    def work() -> int:
        raise error

    with pytest.raises(error):
        flight.run("a", work)
    assert flight.run("a", lambda: 7) == 7
