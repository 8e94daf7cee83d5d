"""The readings of several nodes, added to those of this machine."""

from __future__ import annotations

from models.meter import Meter


def test_a_node_s_last_reading_is_added() -> None:
    here, there = Meter(), Meter()
    here.reply(10, 1)
    here.retry("timeout")
    there.reply(100, 20)
    there.frame()
    there.retry("timeout")
    there.retry("connection")
    there.change("in_flight", 3)
    here.note("node", there.read())
    there.reply(100, 20)
    here.note("node", there.read())
    found = here.read()
    assert (found.tokens_in, found.tokens_out, found.replies, found.frames) == (210, 41, 3, 1)
    assert found.retries == {"timeout": 2, "connection": 1} and found.in_flight == 3
    assert found.seconds <= here.read().seconds, "the wall time stays that of this machine"
