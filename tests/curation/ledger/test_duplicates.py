from __future__ import annotations

import random

from curation.ledger.duplicates import settle
from curation.ledger.ledger import Ledger
from curation.status.counts import summarize
from curation.status.standings import all_rejections, samples
from curation.status.view import LedgerView
from tests.curation.hashes import HASHES, changed
from tests.curation.scripted_stages import ERRORS, Works, run_all, source


def test_the_first_by_position_is_kept_in_whatever_order_work_finished(ledger: Ledger) -> None:
    ids = ledger.register([source(name) for name in "cabd"])
    content = {"c": "same", "a": "other", "b": "same", "d": "same"}
    order = list(ids)
    random.Random(3).shuffle(order)
    for video in order:
        run_all(ledger, [video], Works(content=content.__getitem__))
        settle(ledger)
    assert [s.video.id for s in samples(LedgerView(ledger, HASHES))] == ["a", "c"]
    found = [(r.id, r.reason) for r in all_rejections(LedgerView(ledger, HASHES))]
    assert found == [("b", "duplicate"), ("d", "duplicate")]
    counts = summarize(LedgerView(ledger, HASHES))
    assert (counts.samples, counts.rejected) == (2, 2)


def test_a_duplicate_takes_over_when_the_first_is_refused(ledger: Ledger) -> None:
    ids = ledger.register([source("a"), source("b")])
    run_all(ledger, ids, Works(content=lambda _: "same"))
    assert settle(ledger) == []
    refused = Works({("filter", "a"): [ERRORS["refused"]("blocked", "")]}, content=lambda _: "same")
    other = changed("filter")
    run_all(ledger, ids, refused, other)
    assert settle(ledger) == ["b"]
    run_all(ledger, ids, Works(content=lambda _: "same"), other)
    assert [s.video.id for s in samples(LedgerView(ledger, other))] == ["b"]


def test_all_refused_sets_nobody_aside(ledger: Ledger) -> None:
    ids = ledger.register([source("a"), source("b")])
    trouble = {("filter", video): [ERRORS["refused"]("blocked", "")] for video in ids}
    run_all(ledger, ids, Works(trouble, content=lambda _: "same"))
    assert settle(ledger) == []
    assert {r.reason for r in all_rejections(LedgerView(ledger, HASHES))} == {"blocked"}


def test_duplicates_among_some_videos_are_those_of_the_table(ledger: Ledger) -> None:
    table = {f"v{number}": ("kept", "0" * 64) for number in range(1200)}
    ledger.set_duplicates(table)
    assert ledger.duplicates() == table
    asked = [f"v{number}" for number in range(0, 2400, 2)]
    assert ledger.duplicates(asked) == {name: table[name] for name in asked if name in table}
    assert ledger.duplicates([]) == {}
