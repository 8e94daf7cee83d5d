"""Kills of real runs at random moments, under the default settings: the bytes in the end are those of no kill at all.

kill -9, SIGTERM and Ctrl-C hit first, second and third runs, with several shards in flight at different stages and
models that each run loads anew; they share imports only. `python -m benchmarks kills` does the same a hundred times,
with commands that start by themselves. That any order of interruptions ends in the same state is a property:
tests/curation/pipeline/test_process.py draws it without processes.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.kills import FIRST, measure
from tests.forks import Forked

pytestmark = [pytest.mark.prefect, pytest.mark.slow]
KILLS = 5


def test_kills_change_nothing(server: str, tmp_path: Path) -> None:
    def start(words: list[str], log: Path) -> Forked:
        log.unlink(missing_ok=True)
        return Forked("flows.cli.__main__", words, err=log, group=True)

    found = measure(KILLS, seed=20, folder=tmp_path, videos=FIRST + 2, start=start)
    assert found["details"] == []
    assert (found["kills"], found["lost"], found["doubled"], found["different"]) == (KILLS, 0, 0, 0)
    assert len(found["signals"]) == 3 and max(map(int, found["kills_by_run"])) >= 2, found
    assert found["stop_seconds_most"] < 45
