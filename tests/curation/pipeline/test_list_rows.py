"""Rejections of list rows follow the list: a row that was mended, moved or deleted is not counted again."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import tarfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from benchmarks.instant import config
from curation.pipeline.open import open_view
from curation.pipeline.run import Run, open_run
from curation.status.counts import summarize
from curation.status.standings import all_rejections
from curation.workspace import Workspace
from schemas.configuration.config import SourceSpec
from schemas.documents.status import WorkspaceStatus
from schemas.errors import PermanentError
from schemas.records import Rejection
from tests.curation.scripted_stages import Works, run_all
from tests.runs import in_process

GOOD = [f"https://h.example/{number}" for number in range(4)]
BAD = ["", "nowhere.mp4", "ftp://h.example/x"]
STATES = ("samples", "rejected", "retryable", "pending")
REASONS = {"source: no_address": 1, "source: file_not_found": 1, "source: scheme_not_allowed": 1}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


def write(path: Path, addresses: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("url,title\n" + "".join(f"{address},title {address[-1:]}\n" for address in addresses))
    return path


@contextmanager
def opened(root: Path, *lists: Path) -> Iterator[Run]:
    chosen = config().model_copy(update={"sources": tuple(SourceSpec(at=str(path)) for path in lists)})
    with open_run(root, chosen) as run:
        yield run


def curated(root: Path, *lists: Path, limit: int | None = None, works: Works | None = None) -> WorkspaceStatus:
    """Read the lists as a run does, and carry their videos through scripted stages."""
    with opened(root, *lists) as run:
        ids = run.register(limit)
        run_all(run.services.ledger, run.due(ids), works or Works(), run.services.hashes)
        return summarize(run.services.view)


def numbers(status: WorkspaceStatus) -> tuple[int, int, int, int]:
    return status.videos, status.samples, status.rejected, status.pending


def test_every_row_counts_once_wherever_it_lies_in_its_list_and_wherever_the_list_lies(
    root: Path, tmp_path: Path
) -> None:
    rows = GOOD + BAD
    assert numbers(curated(root, write(tmp_path / "l.csv", rows))) == (7, 4, 3, 0)
    (tmp_path / "l.csv").rename(tmp_path / "renamed.csv")
    for place in (tmp_path / "renamed.csv", write(tmp_path / "elsewhere" / "l.csv", rows[::-1])):
        status = curated(root, place)
        assert (numbers(status), status.reasons) == ((7, 4, 3, 0), REASONS)
    with open_view(Workspace(root)) as view:
        told = [rejection.evidence.partition(": ")[0] for rejection in all_rejections(view)]
    assert sorted(told) == [f"l.csv row {n}, line {n + 1}" for n in (1, 2, 3)]  # where they lie now


def test_a_mended_row_and_a_deleted_row_no_longer_count_though_the_list_was_moved(root: Path, tmp_path: Path) -> None:
    curated(root, write(tmp_path / "l.csv", GOOD + BAD))
    mended = [*GOOD, "https://h.example/mended", BAD[2]]  # one mended, one deleted, one as it was
    status = curated(root, write(tmp_path / "moved" / "list.csv", mended))
    assert numbers(status) == (6, 5, 1, 0)
    assert status.reasons == {"source: scheme_not_allowed": 1}
    assert numbers(curated(root, write(tmp_path / "moved" / "list.csv", GOOD))) == (5, 5, 0, 0)  # what is done stays


def test_equal_bad_rows_count_as_often_as_they_stand_in_the_lists(root: Path, tmp_path: Path) -> None:
    first, second = write(tmp_path / "a.csv", ["", "", GOOD[0]]), write(tmp_path / "b.csv", ["", GOOD[0]])
    status = curated(root, first, second)
    assert numbers(status) == (5, 1, 4, 0)
    assert status.reasons == {"source: no_address": 3, "source: repeated_source": 1}
    assert numbers(curated(root, write(first, ["", GOOD[0]]), second)) == (4, 1, 3, 0)


def test_a_row_that_becomes_a_repetition_and_back(root: Path, tmp_path: Path) -> None:
    assert numbers(curated(root, write(tmp_path / "l.csv", GOOD[:2]))) == (2, 2, 0, 0)
    assert numbers(curated(root, write(tmp_path / "l.csv", [GOOD[0], GOOD[0]]))) == (3, 2, 1, 0)
    assert numbers(curated(root, write(tmp_path / "l.csv", GOOD[:2]))) == (2, 2, 0, 0)


def test_a_corrected_address_lifts_the_failure_of_the_wrong_one(root: Path, tmp_path: Path) -> None:
    wrong = "https://h.example/typo"
    place = write(tmp_path / "l.csv", [*GOOD, wrong])
    video = hashlib.sha256(wrong.encode()).hexdigest()[:16]
    works = Works({("download", video): [PermanentError("not_found", "404")]})
    assert numbers(curated(root, place, works=works)) == (5, 4, 1, 0)
    assert numbers(curated(root, write(place, [*GOOD, "https://h.example/right"]))) == (5, 5, 0, 0)
    # Another list leaves the failures of this one, and all that is done, as they are.
    works = Works({("frames", hashlib.sha256(b"https://h.example/x").hexdigest()[:16]): [PermanentError("no_frames")]})
    assert numbers(curated(root, write(tmp_path / "other.csv", ["https://h.example/x"]), works=works)) == (6, 5, 1, 0)
    assert numbers(curated(root, write(place, GOOD))) == (6, 5, 1, 0)


def test_a_list_of_the_same_name_in_another_folder_leaves_the_failures_and_unfinished_videos_of_this_one(
    root: Path, tmp_path: Path
) -> None:
    """The name of a list outside the working directory is that of its file alone."""
    first, second = write(tmp_path / "mon" / "l.csv", GOOD[:2]), write(tmp_path / "tue" / "l.csv", GOOD[2:])
    video = hashlib.sha256(GOOD[0].encode()).hexdigest()[:16]
    works = Works({("download", video): [PermanentError("private", "x")]})
    assert numbers(curated(root, first, works=works)) == (2, 1, 1, 0)
    third = write(tmp_path / "wed" / "l.csv", ["https://h.example/wed"])
    with opened(root, third) as run:
        run.register()  # and stopped before anything was made
    for _ in range(2):
        assert numbers(curated(root, second)) == (5, 3, 1, 1)
    assert numbers(curated(root, third)) == (5, 4, 1, 0)


def test_videos_of_which_nothing_was_made_leave_with_their_rows(root: Path, tmp_path: Path) -> None:
    place = write(tmp_path / "l.csv", GOOD)
    with opened(root, place) as run:
        run.register()  # and stopped before anything was made
    assert numbers(curated(root, write(place, GOOD[:2]))) == (2, 2, 0, 0)


def test_a_limit_takes_nothing_away_beyond_it_and_a_row_mended_before_it_still_counts_no_more(
    root: Path, tmp_path: Path
) -> None:
    place = write(tmp_path / "l.csv", [GOOD[0], BAD[1], GOOD[1], BAD[2], GOOD[2]])
    assert numbers(curated(root, place)) == (5, 3, 2, 0)
    assert numbers(curated(root, place, limit=1)) == (5, 3, 2, 0)
    write(place, [GOOD[0], GOOD[3], GOOD[1], BAD[2], GOOD[2]])
    assert numbers(curated(root, place, limit=2)) == (5, 4, 1, 0)
    assert numbers(curated(root, place)) == (5, 4, 1, 0)


@pytest.mark.parametrize("options", [("--class", "permanent"), ("--stage", "source"), ("--reason", "file_not_found")])
def test_retry_never_erases_a_row_that_still_is_in_its_list(
    root: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    place = write(tmp_path / "l.csv", GOOD + BAD)
    curated(root, place)
    done = in_process("retry", root, *options)
    assert done.returncode == 0
    assert "0 rejections forgotten" in done.stdout and "list" in done.stdout and "mend" in done.stdout
    for _ in range(2):  # before and after the list is read again
        with open_view(Workspace(root)) as view:
            status = summarize(view)
            assert Counter(r.reason for r in all_rejections(view)) == Counter(k.split(": ")[1] for k in REASONS)
        assert (numbers(status), status.reasons) == ((7, 4, 3, 0), REASONS)
        curated(root, place)


def test_a_workspace_of_an_earlier_version_with_rejections_by_path_and_row(root: Path, tmp_path: Path) -> None:
    """Earlier versions named a rejection after its list's path and its row, and `retry` could erase its reason."""
    place = write(tmp_path / "l.csv", GOOD + BAD)
    with opened(root, place) as run:
        ledger = run.services.ledger
        for path in ("/old/l.csv", "/older/l.csv", str(place)):
            for row in (5, 6, 7):
                old = hashlib.sha256(os.fsencode(f"{path}\0{row}")).hexdigest()[:16]
                evidence = f"l.csv row {row}: once"
                ledger.register(
                    [Rejection(id=old, stage="source", error_class="permanent", reason="old", evidence=evidence)]
                )
        ledger.forget(old, "source")
        status = summarize(run.services.view)
        assert (numbers(status), status.reasons) == ((9, 0, 8, 1), {"source: old": 8})
    status = curated(root, place)
    assert (numbers(status), status.reasons) == ((7, 4, 3, 0), REASONS)


def test_the_workspace_of_version_0_1_with_such_rejections(root: Path, tmp_path: Path) -> None:
    with tarfile.open(Path(__file__).parent / "data" / "workspace-0.1.tar.xz") as archive:
        archive.extractall(root, filter="data")
    old = [hashlib.sha256(os.fsencode(f"/old/l.csv\0{row}")).hexdigest()[:16] for row in (1, 2)]
    with closing(sqlite3.connect(root / "ledger.sqlite")) as connection:
        for video, payload in ((old[0], True), (old[1], False)):  # the second one's reason was erased
            connection.execute("INSERT INTO sources (id, digest, payload) VALUES (?, ?, '')", (video, "0" * 64))
            if payload:
                rejection = Rejection(id=video, stage="source", error_class="permanent", reason="no_address")
                values = (video, "source", "0" * 64, 1, "rejected", rejection.canonical(), rejection.digest())
                connection.execute(
                    "INSERT INTO results (video_id, stage, fingerprint, current, status, payload, digest, error_class, "
                    "reason, attempts, tokens_in, tokens_out, requests, seconds, made_at) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, 'permanent', 'no_address', 1, 0, 0, 0, 0.0, 0.0)",
                    values,
                )
        connection.commit()
    place = Workspace(root)
    with open_view(place) as view:
        status = summarize(view)
        before = Counter({state: getattr(status, state) for state in STATES})
        assert (status.videos, before.total()) == (6, 6)
        assert status.reasons["source: no_address"] == 1
    chosen = place.config().model_copy(update={"sources": (SourceSpec(at=str(write(tmp_path / "l.csv", BAD))),)})
    with open_run(root, chosen) as run:
        run.register()
        status = summarize(run.services.view)
        # The four films are as they were; the two old rows gave way to the three of the list.
        now = Counter({state: getattr(status, state) for state in STATES})
        assert now == before - Counter(rejected=1, pending=1) + Counter(rejected=3)
        assert {reason: count for reason, count in status.reasons.items() if reason in REASONS} == REASONS
