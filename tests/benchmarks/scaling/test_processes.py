"""The processor time of a run, by what its processes do."""

from __future__ import annotations

import multiprocessing
import time

from benchmarks.scaling.processes import cpu_seconds


def _burn(seconds: float) -> None:
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_time_of_an_ended_child_is_the_decoders_and_not_the_runs() -> None:
    before = cpu_seconds()
    child = multiprocessing.get_context("fork").Process(target=_burn, args=(1.0,))
    child.start()
    child.join()
    after = cpu_seconds()
    assert after["decoders"] - before["decoders"] >= 0.9
    assert after["run"] - before["run"] < 0.9
