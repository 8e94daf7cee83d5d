"""Files that came with a video and that the store lost: fetched again, read as they are now, or gone with a reason."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from curation.download.besides import Besides, GoneForGood
from curation.store.store import Store
from schemas.errors import NotStored, PermanentError, PoisonError, RefusedError, StageError, TransientError
from schemas.records import Source, StoredSound, Subtitle, Video
from tests.curation.download.requests import source
from tests.curation.samples import make_sample


class Publisher:
    """Gives a video with a track and a file of sound; counts how often it is asked."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.folder = store, folder
        self.text = "as it was"
        self.language = "en"
        self.silent = False
        self.error: StageError | None = None
        self.asked = 0

    def fetch(self, _source: Source) -> Video:
        self.asked += 1
        if self.error is not None:
            raise self.error
        file = self.folder / "given"
        file.write_text(self.text)
        track = self.store.add("subtitles", file, "vtt", move=False)
        sound = None
        if not self.silent:
            sound = StoredSound(
                sha256=self.store.add("sounds", file, "m4a", move=False).sha256, bytes=1, extension="m4a"
            )
        subtitle = Subtitle(language=self.language, automatic=True, sha256=track.sha256, format="vtt")
        return make_sample("v").video.model_copy(update={"subtitles": (subtitle,), "sound": sound})

    def besides(self, kind: Literal["url", "file"] = "url") -> Besides:
        return Besides(self.store, lambda: source("https://h.example/v", kind), self.fetch)


@pytest.fixture
def publisher(tmp_path: Path, store: Store) -> Publisher:
    return Publisher(store, tmp_path)


@pytest.fixture
def lost(publisher: Publisher) -> Video:
    """A video whose files the store has lost."""
    video = publisher.fetch(source("https://h.example/v"))
    assert video.sound is not None
    publisher.store.path("subtitles", video.subtitles[0].sha256, "vtt").unlink()
    publisher.store.path("sounds", video.sound.sha256, "m4a").unlink()
    publisher.asked = 0
    return video


def read(besides: Besides, video: Video) -> tuple[str, str]:
    assert video.sound is not None
    return besides.subtitles(video.subtitles[0]).read_text(), besides.sound(video.sound).read_text()


def test_they_are_fetched_again_once(publisher: Publisher, lost: Video) -> None:
    assert read(publisher.besides(), lost) == ("as it was", "as it was") and publisher.asked == 1
    assert read(publisher.besides(), lost) == ("as it was", "as it was") and publisher.asked == 1


def test_what_the_publisher_made_anew_is_read(publisher: Publisher, lost: Video) -> None:
    publisher.text = "made anew"
    assert read(publisher.besides(), lost) == ("made anew", "made anew") and publisher.asked == 1


@pytest.mark.parametrize(
    "error", [PermanentError("private", ""), RefusedError("too_large", ""), PoisonError("memory", "")]
)
def test_what_nobody_gives_any_more_is_gone(publisher: Publisher, lost: Video, error: StageError) -> None:
    publisher.error = error
    for call in (lambda: read(publisher.besides(), lost), lambda: publisher.besides().sound(lost.sound)):  # type: ignore[arg-type]
        with pytest.raises(GoneForGood, match=error.reason):
            call()
    with pytest.raises(NotStored):  # its disk may be mounted again
        read(publisher.besides("file"), lost)
    publisher.error = TransientError("http_503", "")
    with pytest.raises(TransientError, match="http_503"):
        read(publisher.besides(), lost)


def test_a_video_that_has_lost_the_track_or_its_sound(publisher: Publisher, lost: Video) -> None:
    publisher.language, publisher.silent = "fr", True
    with pytest.raises(GoneForGood):
        publisher.besides().subtitles(lost.subtitles[0])
    assert lost.sound is not None
    with pytest.raises(GoneForGood):
        publisher.besides().sound(lost.sound)


def test_of_two_tracks_of_one_kind_the_lost_one_is_read(store: Store, tmp_path: Path) -> None:
    tracks = []
    for text in ("first", "second"):
        (tmp_path / text).write_text(text)
        kept = store.add("subtitles", tmp_path / text, "vtt", move=False)
        tracks.append(Subtitle(language="en", automatic=False, sha256=kept.sha256, format="vtt"))
    video = make_sample("v").video.model_copy(update={"subtitles": tuple(tracks)})

    def again(_source: Source) -> Video:
        store.add("subtitles", tmp_path / "second", "vtt", move=False)
        return video

    store.path("subtitles", tracks[1].sha256, "vtt").unlink()
    besides = Besides(store, lambda: source("https://h.example/v"), again)
    assert besides.subtitles(tracks[1]).read_text() == "second"
