"""Children that start one by one: how many there are, and that they end."""

import os
import threading
import time

import pytest

from curation.video.sandbox import Limits
from curation.video.sandboxes import GROWTH_SECONDS, Sandboxes
from schemas.errors import Interrupted, PoisonError
from tests.curation import hostile

pytestmark = pytest.mark.slow
LIMITS = Limits(60)


def in_threads(calls):
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)


def test_short_calls_share_a_child_and_long_ones_get_their_own():
    pids, finished = [], []
    with Sandboxes() as own:
        pids += [own.run(os.getpid, limits=LIMITS) for _ in range(3)]
        assert len(set(pids)) == 1
        began = time.monotonic()
        in_threads([lambda: finished.append(own.run(time.sleep, GROWTH_SECONDS * 3, limits=LIMITS))] * 2)
        assert len(finished) == 2
        assert time.monotonic() - began < GROWTH_SECONDS * 6, "they worked at the same time"


def test_a_stop_reaches_calls_that_wait_for_a_child():
    stop, ended = threading.Event(), []

    def raise_if_stopped():
        if stop.is_set():
            raise Interrupted("stopped")

    with Sandboxes(raise_if_stopped) as own:

        def call():
            with pytest.raises(Interrupted):
                own.run(hostile.hang, limits=Limits(600))
            ended.append(True)

        threading.Timer(0.5, stop.set).start()
        in_threads([call] * 3)
    assert len(ended) == 3


def test_closing_ends_every_child_and_limits_hold(tmp_path):
    own = Sandboxes()
    pid = own.run(os.getpid, limits=LIMITS)
    with pytest.raises(PoisonError, match="timeout"):
        own.run(hostile.hang, limits=Limits(0.3))
    again = own.run(os.getpid, limits=LIMITS)
    own.close()
    hostile.wait_until_gone(pid)
    hostile.wait_until_gone(again)
