"""A copy of a ledger that a run writes to at the same time: whole, and never older than what was done before."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

import pytest

from curation.ledger.databases import copy_ledger, open_ledger
from curation.ledger.integrity import check_pages
from schemas.records import Origin, Source


def named(number: int) -> Source:
    origin = Origin(list_name="l" * 2000, row=number + 1)
    return Source(id=f"v{number:06}", kind="url", uri=f"https://h.example/{number}", origin=origin)


@pytest.mark.slow
def test_a_copy_is_whole_while_a_run_writes_and_empties_its_log(tmp_path: Path) -> None:
    root = tmp_path / "w"
    root.mkdir()
    stop, wrote = threading.Event(), 0
    with closing(open_ledger(root)) as ledger:

        def write() -> None:
            nonlocal wrote
            while not stop.is_set():
                ledger.register(named(wrote + n) for n in range(50))
                wrote += 50

        writer = threading.Thread(target=write)
        writer.start()
        try:
            for number in range(12):
                to = tmp_path / f"copy{number}"
                to.mkdir()
                before = wrote
                copy_ledger(root, to)
                with closing(open_ledger(to)) as copy:
                    check_pages(copy.engine, whole=True)
                    assert sum(1 for _ in copy.sources()) >= before
        finally:
            stop.set()
            writer.join()
