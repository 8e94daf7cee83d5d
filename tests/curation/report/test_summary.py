"""The verdict of a run's summary: what the waits say, in words."""

from __future__ import annotations

import pytest

from curation.report.summary import verdict
from schemas.documents.run_summary import Totals


@pytest.mark.parametrize(
    ("totals", "told"),
    [
        (Totals(), "No model was asked."),
        (Totals(cached=5), "the ledger had every reply"),
        (Totals(seconds=100, busy_seconds=97, replies=1), "they set the pace"),
        (Totals(seconds=100, busy_seconds=40, replies=1, waits={"decode": 90.0}), "run.decode_workers"),
        (Totals(seconds=100, busy_seconds=40, replies=1, waits={"download": 90.0}), "run.download_workers"),
        (Totals(seconds=100, busy_seconds=40, replies=1), "neither decoding nor downloads"),
        (Totals(seconds=100, replies=1, waits={"model": 60.0, "decode": 10.0}), "the models set the pace"),
        (Totals(seconds=100, replies=1, waits={"model": 6.0, "decode": 50.0}), "more of run.decode_workers may help"),
    ],
)
def test_waits_are_put_into_words(totals: Totals, told: str) -> None:
    assert told in verdict(totals)


def test_a_late_start_is_told() -> None:
    totals = Totals(seconds=100, replies=1, waits={"model": 60.0})
    assert "after 70 s" in verdict(totals, 70.0) and "after" not in verdict(totals, 3.0)
