"""Sampled pictures in the store: drawn once, however many threads ask, and never other ones than the record says."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from curation.frames import pictures as module
from curation.frames.files import frame_name, frames_key, keep_only
from curation.frames.pictures import Pictures
from curation.frames.sample import sample_frames
from curation.store.borrowed import BorrowedStore
from curation.store.store import Store
from curation.video.sandbox import Sandbox
from schemas.configuration.config import FrameConfig
from schemas.errors import NotStored, PoisonError
from schemas.records import FrameSet, Publication, Video
from tests.curation import barcode
from tests.curation.samples import contents
from tests.curation.threads import in_threads

pytestmark = pytest.mark.slow
CONFIG = FrameConfig(cross_check=0, keep="all")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(2) as made:
        yield made


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("films")
    return [barcode.make(folder / f"{n}.mp4", barcode.steady(10, 3 + n)).path for n in range(2)]


class Counted:
    """The real sampling; `calls` are the hashes of the videos that were decoded."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __call__(self, video: Video, *rest: Any) -> FrameSet:
        self.calls.append(video.sha256)
        return sample_frames(video, *rest)


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    counted = Counted()
    monkeypatch.setattr(module, "sample_frames", counted)
    return counted.calls


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def stored(store: Store, film: Path, name: str = "v") -> Video:
    sha256, size, _ = store.add("videos", film, "mp4", move=False)
    rest = {"container": "mp4", "codec": "h264", "width": 160, "height": 120, "rotation": 0, "has_audio": False}
    return Video(
        id=name, sha256=sha256, bytes=size, extension="mp4", duration=3.0, fps=10.0, publication=Publication(), **rest
    )


def test_five_copies_of_a_video_are_decoded_once(
    store: Store, sandbox: Sandbox, films: list[Path], decoded: list[str]
) -> None:
    """Rows with the same bytes are set aside only after their shard, so their threads meet here."""
    pictures = Pictures(store, CONFIG, sandbox)
    videos = [stored(store, films[0], f"copy-{n}") for n in range(5)]
    records = in_threads(5, lambda which: pictures.sample(videos[which]))
    assert decoded == [videos[0].sha256]
    assert [record for record in records if record != records[0]] == []
    # Two workers take the copies two by two: the later ones find what the first one made.
    assert pictures.sample(videos[4]) == records[0]
    assert decoded == [videos[0].sha256]


def test_threads_that_read_removed_pictures_draw_each_video_once(
    store: Store, sandbox: Sandbox, films: list[Path], decoded: list[str]
) -> None:
    pictures = Pictures(store, CONFIG, sandbox)
    videos = [stored(store, film, f"film-{n}") for n, film in enumerate(films)]
    records = [pictures.sample(video) for video in videos]
    shutil.rmtree(store.root / "frames")
    decoded.clear()

    def work(which: int) -> bytes:
        video, record = videos[which % 2], records[which % 2]
        return pictures.read(video, record, record.frames[which % 3].index)

    read = in_threads(12, work)
    assert [hashlib.sha256(data).hexdigest() for data in read] == [
        records[which % 2].frames[which % 3].sha256 for which in range(12)
    ]
    assert sorted(decoded) == sorted(video.sha256 for video in videos)


@pytest.mark.parametrize("kept", [0, 1])
def test_pictures_that_a_borrowed_store_lacks_are_drawn_in_the_own_one(
    kept: int, store: Store, sandbox: Sandbox, films: list[Path], tmp_path: Path
) -> None:
    video = stored(store, films[0])
    record = Pictures(store, CONFIG, sandbox).sample(video)
    keep_only(store.frames(frames_key(video.sha256, CONFIG)), range(kept))
    if not kept:
        shutil.rmtree(store.root / "frames")
    before = contents(store.root)
    pictures = Pictures(BorrowedStore(store.root, tmp_path / "own"), CONFIG, sandbox)
    for frame in record.frames[:3]:
        data = pictures.read(video, record, frame.index)
        assert hashlib.sha256(data).hexdigest() == frame.sha256
    assert contents(store.root) == before


def test_pictures_stay_right_while_another_thread_removes_them(
    store: Store, sandbox: Sandbox, films: list[Path]
) -> None:
    """`frames.keep` of a copy of the video, or of another command, removes what this one reads."""
    pictures = Pictures(store, CONFIG.model_copy(update={"keep": "keyframes"}), sandbox)
    video = stored(store, films[0])
    record = pictures.sample(video)

    def work(which: int) -> list[str]:
        if which == 0:
            for _ in range(200):
                pictures.thin(video, (record.frames[0].index,))
            return []
        return [hashlib.sha256(pictures.read(video, record, frame.index)).hexdigest() for frame in record.frames]

    _, *read = in_threads(4, work)
    right = [frame.sha256 for frame in record.frames]
    # Reading may give up (`picture_gone`, transient), but gives no other picture.
    assert all(hashes == right or getattr(hashes, "reason", "") == "picture_gone" for hashes in read)


@pytest.mark.parametrize("harm", ["missing", "cut", "exchanged", "other folder"])
def test_a_harmed_picture_is_drawn_again(store: Store, sandbox: Sandbox, films: list[Path], harm: str) -> None:
    pictures = Pictures(store, CONFIG, sandbox)
    videos = [stored(store, film, f"film-{n}") for n, film in enumerate(films)]
    records = [pictures.sample(video) for video in videos]
    folders = [store.frames(frames_key(video.sha256, CONFIG)) for video in videos]
    first, second = folders[0] / frame_name(0), folders[0] / frame_name(1)
    if harm == "missing":
        first.unlink()
    elif harm == "cut":
        first.write_bytes(first.read_bytes()[:100])
    elif harm == "exchanged":
        first.rename(first.with_name("aside"))
        second.rename(first)
        first.with_name("aside").rename(second)
    else:
        shutil.rmtree(folders[0])
        shutil.copytree(folders[1], folders[0])
    for index in range(len(records[0].frames)):
        data = pictures.read(videos[0], records[0], records[0].frames[index].index)
        assert hashlib.sha256(data).hexdigest() == records[0].frames[index].sha256


def test_a_video_that_is_not_what_its_name_says_is_not_decoded(
    store: Store, sandbox: Sandbox, films: list[Path], decoded: list[str]
) -> None:
    pictures = Pictures(store, CONFIG, sandbox)
    one, two = (stored(store, film, f"film-{n}") for n, film in enumerate(films))
    store.path("videos", two.sha256, "mp4").replace(store.path("videos", one.sha256, "mp4"))
    with pytest.raises(NotStored, match="file_damaged"):
        pictures.sample(one)
    with pytest.raises(NotStored, match="file_missing"):
        pictures.sample(two)
    assert decoded == []


def test_a_record_of_other_pictures_is_said_to_be_one(store: Store, sandbox: Sandbox, films: list[Path]) -> None:
    pictures = Pictures(store, CONFIG, sandbox)
    video = stored(store, films[0])
    record = pictures.sample(video)
    first = record.frames[0].model_copy(update={"sha256": "0" * 64})
    wrong = record.model_copy(update={"frames": (first, *record.frames[1:])})
    with pytest.raises(PoisonError, match="picture_changed"):
        pictures.read(video, wrong, first.index)


def test_kept_pictures_outlive_another_decoder_which_is_asked_once(
    store: Store, sandbox: Sandbox, films: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stage that is turned on later reads all frames, also those that were not kept."""
    config = CONFIG.model_copy(update={"keep": "keyframes"})
    pictures = Pictures(store, config, sandbox)
    video = stored(store, films[1])
    record = pictures.sample(video)
    kept = (record.frames[1].index, record.frames[3].index)
    pictures.thin(video, kept)
    decoded: list[str] = []

    def otherwise(video: Video, path: Path, config: FrameConfig, *rest: Any) -> FrameSet:
        decoded.append(video.sha256)
        return sample_frames(video, path, config.model_copy(update={"jpeg_quality": 40}), *rest)

    monkeypatch.setattr(module, "sample_frames", otherwise)
    for again in (pictures, Pictures(store, config, sandbox)):
        for frame in record.frames:
            if frame.index in kept:
                data = again.read(video, record, frame.index)
                assert hashlib.sha256(data).hexdigest() == frame.sha256
            else:
                with pytest.raises(PoisonError, match="picture_changed"):
                    again.read(video, record, frame.index)
    assert decoded == [video.sha256] * 2, "once by each"
