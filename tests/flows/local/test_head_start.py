"""What a run does before its Prefect server is up is done once, counted once, and stops as the rest of the run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.instant import config, trivial_videos, with_instant_models
from curation.dataset.export import begin
from curation.ledger.stages import STAGES
from curation.pipeline.budget import Budget
from curation.pipeline.counts import Counts
from curation.pipeline.run import Run, open_run
from flows.local.head_start import EARLY, head_start
from schemas.configuration.config import SourceSpec
from schemas.errors import BudgetReached, Interrupted

VIDEOS = 5
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trivial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trivial_videos(tmp_path_factory.mktemp("films"), VIDEOS)


@contextmanager
def opened(films: Path, root: Path, listener: Callable[[str, Counts], None] | None = None) -> Iterator[Run]:
    settings = config(shard_size=3, download_workers=1, decode_workers=1)
    settings = settings.model_copy(update={"sources": (SourceSpec(at=str(films)),)})
    with open_run(root, settings, Counts(listener)) as run:
        with_instant_models(run.services)
        yield run


def test_the_early_stages_ask_no_chat_model() -> None:
    assert EARLY == ("download", "filter", "frames")


def test_what_is_done_early_is_not_done_again_and_counted_once(trivial: Path, tmp_path: Path) -> None:
    enough = threading.Event()

    def listen(_stage: str, counts: Counts) -> None:
        if counts.rows()["frames"]["made"] == 2:
            enough.set()

    with opened(trivial, tmp_path, listen) as run:
        ids = begin(run)
        head_start(run, ids, enough)
        early = run.counts.rows()
        assert [early[stage]["made"] for stage in EARLY] == [3, 3, 2] and run.early_error is None
        assert not any(early["caption"].values())
        ledger = run.services.ledger
        before = {(entry.video_id, entry.head.stage): entry for video in ids for entry in ledger.entries(video)}
        assert len(before) == 8
        for stage in STAGES.names:
            run.carry(stage, ids)
        assert all(row == {"made": VIDEOS, "reused": 0, "rejected": 0} for row in run.counts.rows().values())
        after = {(entry.video_id, entry.head.stage): entry for video in ids for entry in ledger.entries(video)}
        assert {key: after[key] for key in before} == before
        assert run.due(ids) == []


def test_nothing_is_done_when_the_server_is_there_already(trivial: Path, tmp_path: Path) -> None:
    with opened(trivial, tmp_path) as run:
        enough = threading.Event()
        enough.set()
        head_start(run, begin(run), enough)
        assert not any(sum(row.values()) for row in run.counts.rows().values())


def test_a_stop_ends_it(trivial: Path, tmp_path: Path) -> None:
    def listen(_stage: str, counts: Counts) -> None:
        if counts.rows()["download"]["made"] == 1:
            opening.services.stop.set()

    with opened(trivial, tmp_path, listen) as opening:
        with pytest.raises(Interrupted):
            head_start(opening, begin(opening), threading.Event())
        assert opening.counts.rows()["download"]["made"] == 1


def test_an_error_that_stops_the_run_is_kept_for_the_flow(trivial: Path, tmp_path: Path) -> None:
    with opened(trivial, tmp_path) as run:
        ids = begin(run)
        run.services.budget = Budget(max_hours=1e-9)
        head_start(run, ids, threading.Event())
        assert isinstance(run.early_error, BudgetReached)
