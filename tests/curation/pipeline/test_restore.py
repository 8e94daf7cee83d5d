"""Files that the store lost or that were damaged in it: the stages that need them get them back, or say why not."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from curation.pipeline.counts import Counts
from curation.pipeline.process import process
from curation.pipeline.restore import Restorer
from curation.pipeline.services import Services
from curation.pipeline.stage_functions import stage_function
from curation.status.standings import Standings
from curation.workspace import Workspace
from schemas.configuration.config import FilterConfig, RangeFilter
from schemas.errors import Interrupted, NotStored, StorageFull
from schemas.records import FrameSet, Origin, Source, Video
from tests.annotation.workspaces import config
from tests.curation import barcode
from tests.curation.servers import VideoServer
from tests.curation.threads import in_threads

pytestmark = pytest.mark.slow
STAGES = ("download", "filter", "frames")


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """The user's own folder with two films: `a.mp4` of three seconds and `b.mp4`, a copy of it."""
    folder = tmp_path / "mine"
    folder.mkdir()
    made = barcode.make(tmp_path / "film.mp4", barcode.steady(10, 3))
    shutil.copy(made.path, folder / "a.mp4")
    shutil.copy(made.path, folder / "b.mp4")
    return folder


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another film, of five seconds and another size."""
    return barcode.make(tmp_path / "other.mp4", barcode.steady(10, 5)).path


@contextmanager
def opened(place: Workspace, fps: float = 1.0) -> Iterator[Services]:
    settings = config()
    changes = {
        "frames": settings.frames.model_copy(update={"fps": fps}),
        "filters": FilterConfig(duration=RangeFilter(mode="disable")),
        "download": settings.download.model_copy(update={"allow_private_addresses": True, "backoff": 0.0}),
    }
    with (
        closing(place.ledger()) as ledger,
        Services(settings.model_copy(update=changes), ledger, place.store()) as services,
    ):
        yield services


def sources(folder: Path, *names: str) -> list[Source]:
    return [
        Source(id=name, kind="file", uri=str(folder / f"{name}.mp4"), origin=Origin(list_name="l", row=row))
        for row, name in enumerate(names)
    ]


def run(services: Services, listed: list[Source], stages: tuple[str, ...] = STAGES) -> None:
    """Register the sources and carry them through some real stages, as a run does."""
    ids = services.ledger.register(listed)
    for stage in stages:
        process(
            stage,
            ids,
            ledger=services.ledger,
            hashes=services.hashes,
            work=stage_function(services, stage),
            progress=Counts(),
            stop=services.stop,
        )


def video(services: Services, name: str) -> Video:
    entry = services.ledger.entry(name, "download")
    assert entry is not None and entry.head.status == "done", entry
    return Video.model_validate_json(entry.payload)


def frames(services: Services, name: str) -> FrameSet:
    entry = services.ledger.entry(name, "frames")
    assert entry is not None and entry.head.status == "done", entry
    return FrameSet.model_validate_json(entry.payload)


def file(services: Services, name: str) -> Path:
    found = video(services, name)
    return services.store.path("videos", found.sha256, found.extension)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("stored", ["by this version", "as a link, by an earlier version"])
def test_a_row_never_carries_the_frames_of_another_film(place: Workspace, mine: Path, other: Path, stored: str) -> None:
    """a.mp4 is curated, its copy b.mp4 is added, a.mp4 is overwritten in place, and other settings need the file."""
    with opened(place) as services:
        run(services, sources(mine, "a"))
        if stored != "by this version":
            kept = file(services, "a")
            kept.unlink()
            kept.hardlink_to(mine / "a.mp4")
            shutil.rmtree(services.store.root / "checked")
        run(services, sources(mine, "a", "b"))
        film = digest(mine / "b.mp4")
        with (mine / "a.mp4").open("r+b") as stream:
            stream.write(other.read_bytes())
            stream.truncate()
    with opened(place, fps=2.0) as services:
        run(services, sources(mine, "a", "b"))
        assert video(services, "a").sha256 == digest(other)
        assert video(services, "b").sha256 == film
        assert len(frames(services, "a").frames) == 10
        assert len(frames(services, "b").frames) == 6
        assert frames(services, "b").video_sha256 == film == digest(file(services, "b"))


@pytest.mark.parametrize("harm", ["missing", "cut", "exchanged"])
def test_a_stage_that_needs_a_harmed_file_gets_the_right_one(
    place: Workspace, mine: Path, other: Path, harm: str
) -> None:
    shutil.copy(other, mine / "b.mp4")
    with opened(place) as services:
        run(services, sources(mine, "a", "b"))
        one, two = file(services, "a"), file(services, "b")
    if harm == "missing":
        shutil.rmtree(one.parents[1])
    elif harm == "cut":
        os.truncate(one, one.stat().st_size // 2)
    else:
        one.rename(one.with_name("aside"))
        two.rename(one)
        one.with_name("aside").rename(two)
    with opened(place, fps=2.0) as services:
        run(services, sources(mine, "a", "b"))
        assert [len(frames(services, name).frames) for name in "ab"] == [6, 10]
        assert [frames(services, name).defects for name in "ab"] == [(), ()]
        assert [digest(path) for path in (one, two)] == [one.stem, two.stem]


def test_a_file_that_nobody_gives_is_transient_and_comes_back_with_its_source(place: Workspace, mine: Path) -> None:
    with opened(place) as services:
        run(services, sources(mine, "a"))
        file(services, "a").unlink()
    (mine / "a.mp4").rename(mine / "away")
    with opened(place, fps=2.0) as services:
        run(services, sources(mine, "a"))
        (one,) = Standings(services.view).walk(["a"])
        assert one.where.state == "retryable" and one.where.rejected_at == "frames"
        rejection = Standings(services.view).rejection(one)
        assert rejection is not None and rejection.reason == "file_missing"
        assert "gone from the store" in rejection.evidence and "file_not_found" in rejection.evidence
        assert video(services, "a").bytes > 0, "the finished download is kept"
    (mine / "away").rename(mine / "a.mp4")
    with opened(place, fps=2.0) as services:
        run(services, sources(mine, "a"))
        assert len(frames(services, "a").frames) == 6


def test_another_row_with_the_same_bytes_gives_the_file_too(place: Workspace, mine: Path) -> None:
    with opened(place) as services:
        run(services, sources(mine, "a", "b"))
        file(services, "a").unlink()
        (mine / "a.mp4").unlink()
        path = services.restorer.file(video(services, "a"))
        assert digest(path) == path.stem


def test_threads_that_need_one_file_fetch_it_once(place: Workspace, tmp_path: Path) -> None:
    with VideoServer(tmp_path) as site, opened(place) as services:
        address = site.url("/video.mp4")
        listed = [Source(id="web", kind="url", uri=address, origin=Origin(list_name="l", row=1))]
        run(services, listed)
        file(services, "web").unlink()
        site.requests.clear()
        needed = video(services, "web")
        paths = in_threads(8, lambda _: services.restorer.file(needed))
        assert {digest(path) for path in paths} == {needed.sha256}
        whole = [seen for _, path, seen, *_ in site.requests if path == "/video.mp4"]
        assert len(whole) <= 2, "one look at the metadata, one at the file"


def test_other_bytes_of_the_source_make_the_video_anew(place: Workspace, tmp_path: Path) -> None:
    """The file is gone, a stage needs it, and the publisher has encoded the video again."""
    with VideoServer(tmp_path) as site, opened(place) as services:
        listed = [Source(id="web", kind="url", uri=site.url("/video.mp4"), origin=Origin(list_name="l", row=1))]
        run(services, listed)
        before = video(services, "web")
        file(services, "web").unlink()
        site.mp4 = barcode.make(tmp_path / "again.mp4", barcode.steady(10, 4)).path.read_bytes()
        with pytest.raises(NotStored, match="other bytes now"):
            services.restorer.file(before)
        assert services.restorer.take_replaced() == {"web"} and services.restorer.take_replaced() == set()
        assert video(services, "web").sha256 == hashlib.sha256(site.mp4).hexdigest() != before.sha256
        run(services, listed)
        assert len(frames(services, "web").frames) == 4


def test_what_is_missing_is_brought_back_though_nothing_needs_it(place: Workspace, mine: Path, other: Path) -> None:
    shutil.copy(other, mine / "b.mp4")
    with opened(place) as services:
        run(services, sources(mine, "a", "b"))
        restorer = services.restorer
        assert restorer.missing(["a", "b"]) == []
        file(services, "a").unlink()
        os.truncate(file(services, "b"), 100)
        missing = restorer.missing(["a", "b"])
        assert [one.id for one in missing] == ["a", "b"]
        assert [restorer.bring_back(one) for one in missing] == [True, True]
        assert restorer.missing(["a", "b"]) == []
        assert [digest(file(services, name)) for name in "ab"] == [file(services, name).stem for name in "ab"]


def test_what_no_source_gives_any_more_is_asked_for_once_and_changes_no_result(
    place: Workspace, mine: Path, other: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with VideoServer(tmp_path) as site:
        web = Source(id="c", kind="url", uri=site.url("/video.mp4"), origin=Origin(list_name="l", row=3))
        shutil.copy(other, mine / "b.mp4")
        with opened(place) as services:
            run(services, [*sources(mine, "a", "b"), web])
            kept = [video(services, name) for name in "abc"]
            for name in "abc":
                file(services, name).unlink()
            (mine / "a.mp4").rename(mine / "away")  # a disk that is not mounted
            with (mine / "b.mp4").open("ab") as stream:
                stream.write(bytes(100))
            site.gone = True
            missing = services.restorer.missing(["a", "b", "c"])
            assert [services.restorer.bring_back(one) for one in missing] == [False, False, False]
            assert all(word in caplog.text for word in ("file_not_found", "other bytes", "not_found"))
            assert [video(services, name) for name in "abc"] == kept
        site.gone = False
        (mine / "away").rename(mine / "a.mp4")
        shutil.copy(other, mine / "b.mp4")
        with opened(place) as services:
            missing = services.restorer.missing(["a", "b", "c"])
            assert [one.id for one in missing] == ["a"], "of the others it is noted"
            assert services.restorer.bring_back(missing[0])
            for one in kept[1:]:
                assert digest(services.restorer.file(one)) == one.sha256, "a stage that needs a file asks again"
            assert services.restorer.missing(["a", "b", "c"]) == []


def test_a_fault_of_ours_stops_no_run_that_needs_no_file_and_a_full_disk_does(
    place: Workspace, mine: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(error: Exception) -> Restorer:
        def fetch(_source: Source) -> Video:
            raise error

        return Restorer(services.store, services.ledger, lambda: services.hashes, fetch)

    with opened(place) as services:
        run(services, sources(mine, "a"))
        needed = video(services, "a")
        file(services, "a").unlink()
        assert not failing(ZeroDivisionError("a fault of ours")).bring_back(needed)
        assert "unexpected error" in caplog.text and "a fault of ours" in caplog.text
        with pytest.raises(StorageFull):
            failing(OSError(28, "No space left on device")).bring_back(needed)
        with pytest.raises(Interrupted):
            failing(Interrupted("stopped")).bring_back(needed)
        assert services.restorer.bring_back(needed)
