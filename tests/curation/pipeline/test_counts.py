"""Counts of this machine and of nodes."""

from __future__ import annotations

from curation.pipeline.counts import Counts


def test_what_nodes_counted_is_added_once_and_told() -> None:
    told: list[str] = []
    here, there = Counts(lambda stage, _counts: told.append(stage)), Counts()
    here.advance("download", "made")
    there.advance("frames", "made")
    there.transferred(2_000_000)
    here.note("node", there.rows(), there.megabytes)
    there.advance("frames", "rejected")
    here.note("node", there.rows(), there.megabytes)
    assert here.rows()["frames"] == {"made": 1, "reused": 0, "rejected": 1}
    assert here.rows()["download"]["made"] == 1 and here.megabytes == 2.0
    assert told == ["download", "frames", "frames"]
