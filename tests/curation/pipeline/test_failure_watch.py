"""Everything fails alike: the run stops, says so, and no video is charged. One that fails otherwise stops nobody."""

from __future__ import annotations

import errno
import threading

import pytest
from sqlalchemy.exc import DatabaseError

from curation.ledger.ledger import Ledger
from curation.pipeline.failure_watch import FailureWatch
from curation.pipeline.process import process
from curation.status.standings import Standings, all_rejections
from curation.status.view import LedgerView
from schemas.errors import AllAlike, MachineTrouble, PermanentError, PoisonError, RefusedError, TransientError
from tests.curation.hashes import HASHES
from tests.curation.scripted_stages import Tally, Works, run_all, sources

VIDEOS = 12


def states(ledger: Ledger) -> list[str]:
    return [video.where.state for video in Standings(LedgerView(ledger, HASHES)).walk()]


def failing(stage: str, make: type[Exception] | None = None, *, text: str = "shape of video {} is wrong") -> Works:
    kind = make or AttributeError
    return Works({(stage, f"v{n:03d}"): [kind(text.format(n)) for _ in range(3)] for n in range(VIDEOS)})


@pytest.mark.parametrize("workers", [1, 4])
def test_a_fault_that_hits_all_stops_the_run_and_charges_nobody(ledger: Ledger, workers: int) -> None:
    ids = ledger.register(sources(VIDEOS))
    watch = FailureWatch(5)
    with pytest.raises(AllAlike, match=r"caption: the first 5 videos .*AttributeError: shape of video .*max_alike=0"):
        run_all(ledger, ids, failing("caption"), watch=watch, workers=workers)
    assert watch.take_back(ledger) >= 5
    assert states(ledger) == ["pending"] * VIDEOS
    run_all(ledger, ids, Works(), watch=FailureWatch(5))
    assert states(ledger) == ["sample"] * VIDEOS


def test_a_limit_of_zero_goes_on_to_the_end(ledger: Ledger) -> None:
    ids = ledger.register(sources(VIDEOS))
    run_all(ledger, ids, failing("caption"), watch=FailureWatch(0))
    assert states(ledger) == ["rejected"] * VIDEOS
    assert {r.error_class for r in all_rejections(LedgerView(ledger, HASHES))} == {"poison"}


def test_one_success_shows_that_it_is_not_everything(ledger: Ledger) -> None:
    ids = ledger.register(sources(VIDEOS))
    works = failing("caption")
    del works.trouble["caption", "v003"]
    run_all(ledger, ids, works, watch=FailureWatch(5))
    assert sorted(states(ledger)) == ["rejected"] * 11 + ["sample"]


def test_after_a_success_four_times_as_many_must_fail(ledger: Ledger) -> None:
    watch = FailureWatch(2)
    watch.succeeded("caption")
    for number in range(7):
        watch.failed("caption", f"v{number}", ValueError("x"), charged=True)
    with pytest.raises(AllAlike, match="the 8 videos that were tried"):
        watch.failed("caption", "v7", ValueError("x"), charged=True)


def test_unlike_failures_stop_nobody(ledger: Ledger) -> None:
    ids = ledger.register(sources(VIDEOS))
    texts = ["apple", "pear", "plum", "fig"]
    works = Works({("frames", video): [ValueError(texts[n % 4])] for n, video in enumerate(ids)})
    run_all(ledger, ids, works, watch=FailureWatch(5))
    assert states(ledger) == ["rejected"] * VIDEOS


@pytest.mark.parametrize(
    ("stage", "error"),
    [
        ("download", PermanentError("private", "this video is private")),
        ("filter", RefusedError("too_short", "12 s")),
        ("download", TransientError("network", "no route to host")),
        ("frames", PoisonError("timeout", "no result after 900 s")),
    ],
)
def test_what_a_list_says_of_its_videos_is_no_alarm(ledger: Ledger, stage: str, error: Exception) -> None:
    ids = ledger.register(sources(VIDEOS))
    run_all(ledger, ids, Works({(stage, video): [error] for video in ids}), watch=FailureWatch(5))
    assert set(states(ledger)) <= {"rejected", "retryable"}


@pytest.mark.parametrize(
    ("stage", "error"),
    [
        ("frames", PoisonError("crashed", "killed by SIGILL")),
        ("caption", TransientError("out_of_memory", "16 requests of up to 900 tokens")),
        ("download", MemoryError()),
    ],
)
def test_crashes_and_want_of_memory_are_an_alarm(ledger: Ledger, stage: str, error: Exception) -> None:
    ids = ledger.register(sources(VIDEOS))
    watch = FailureWatch(5)
    with pytest.raises(AllAlike):
        run_all(ledger, ids, Works({(stage, video): [error] for video in ids}), watch=watch)
    watch.take_back(ledger)
    assert "rejected" not in states(ledger)


@pytest.mark.parametrize(
    "error",
    [
        ImportError("cannot import name 'AutoImageProcessor'"),
        OSError(errno.EMFILE, "Too many open files"),
        RuntimeError("can't start new thread"),
        DatabaseError("SELECT", None, Exception("malformed")),
        RuntimeError("CUDA error: device-side assert triggered"),
    ],
)
@pytest.mark.parametrize("workers", [1, 4])
def test_machine_trouble_stops_at_the_first_video_and_leaves_no_row(
    ledger: Ledger, error: Exception, workers: int
) -> None:
    ids = ledger.register(sources(VIDEOS))
    works = Works({("caption", "v002"): [error]})
    with pytest.raises(MachineTrouble, match="no video's fault"):
        run_all(ledger, ids, works, workers=workers)
    assert list(all_rejections(LedgerView(ledger, HASHES))) == []
    run_all(ledger, ids, Works())
    assert states(ledger) == ["sample"] * VIDEOS


def test_want_of_memory_in_one_video_is_tried_again_by_itself(ledger: Ledger) -> None:
    ids = ledger.register(sources(3))
    wrapped = PermanentError("unreadable_picture", "frame 4")
    wrapped.__cause__ = MemoryError()
    run_all(ledger, ids, Works({("frames", "v000"): [MemoryError()], ("caption", "v001"): [wrapped]}))
    assert states(ledger) == ["retryable", "retryable", "sample"]
    assert {r.reason for r in all_rejections(LedgerView(ledger, HASHES))} == {"machine"}
    run_all(ledger, ids, Works())
    assert states(ledger) == ["sample"] * 3


def test_rows_that_are_written_after_the_alarm_are_taken_back_too(ledger: Ledger) -> None:
    """Two shards in two threads: the other one is still at its video when the first one raises the alarm."""
    ids = ledger.register(sources(4))
    run_all(ledger, ids[:0], Works())
    watch, tally, stop = FailureWatch(2), Tally(), threading.Event()
    works = Works({("download", video): [AttributeError("x")] for video in ids})
    for video in ids:
        try:
            process(
                "download", [video], ledger=ledger, hashes=HASHES, work=works.stage("download"), progress=tally,
                stop=stop, watch=watch,
            )  # fmt: skip
        except AllAlike:
            assert video == ids[1]
    assert states(ledger) == ["rejected"] * 4
    assert watch.take_back(ledger) == 4
    assert states(ledger) == ["pending"] * 4
