"""Subtitles that a video's own file brings: beside it and in it, in the store, and never the end of the video."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from curation.download.fetch import fetch
from curation.download.own_subtitles import ReadTracks
from curation.ledger.sources import address_digest
from curation.sources.read import read_sources
from curation.store.store import Store
from curation.text.transcribe.subtitles import transcript_of
from curation.video.probe import probe
from curation.video.sandbox import Limits
from curation.video.sandboxes import Sandboxes
from curation.video.subtitle_tracks import Tracks, read_tracks
from schemas.configuration.config import SourceSpec, TranscribeConfig
from schemas.parts.transcript import Transcript
from schemas.records import Source, Video
from tests.curation.download.requests import ALL, config, source
from tests.curation.servers import VideoServer
from tests.curation.subtitled import TextTrack, subtitled

Get = Callable[..., Video]
SRT = "1\n00:00:01,000 --> 00:00:02,500\nBeside the film.\n"
ROLLING = (
    "WEBVTT\n\n00:00.000 --> 00:02.000\nnow<00:00:01.000><c> the</c>\n\n00:02.000 --> 00:03.000\nnow the\n"
    "kite<00:00:02.500><c> flies</c>\n"
)


def tracks_by(children: Sandboxes, *languages: str) -> ReadTracks:
    return partial(read_tracks, languages=languages, sandbox=children, limits=Limits(60, 2000))


@pytest.fixture
def film(tmp_path: Path) -> Path:
    tracks = (TextTrack("eng", [(1.0, 2.0, "In the film.")]), TextTrack("ger", [(1.0, 2.0, "Im Film.")]))
    return subtitled(tmp_path / "film.mkv", *tracks)


def listed(film: Path, *languages: str) -> Source:
    (found,) = read_sources(SourceSpec(at=str(film)), base=film.parent, subtitles=languages)
    assert isinstance(found, Source)
    return found


@pytest.fixture
def own(children: Sandboxes, store: Store) -> Get:
    """The video of a local film, fetched with subtitles in some languages."""

    def run(film: Path, *languages: str, tracks: bool = True, **changes: object) -> Video:
        reading = tracks_by(children, *languages) if tracks else None
        settings = config(subtitles=languages, **changes)
        return fetch(
            listed(film, *languages), settings, ALL, store, probe=probe, children=children, read_tracks=reading
        )

    return run


def transcript(video: Video, store: Store) -> Transcript:
    read = lambda track: store.take("subtitles", track.sha256, track.format).read_bytes()  # noqa: E731
    return transcript_of(video, read, TranscribeConfig())


def told(video: Video, store: Store) -> tuple[str | None, str | None, list[str]]:
    found = transcript(video, store)
    return found.source, found.language, [one.text for one in found.segments]


def test_a_file_beside_the_film_comes_before_a_track_in_it(film: Path, own: Get, store: Store) -> None:
    assert told(own(film, "en"), store) == ("manual", "eng", ["In the film."])
    film.with_name("film.en.srt").write_text(SRT)
    video = own(film, "en")
    assert told(video, store) == ("manual", "en", ["Beside the film."]) and len(video.subtitles) == 2
    assert told(own(film, "de", "en"), store) == ("manual", "ger", ["Im Film."]), "the language that is wanted first"
    assert own(film).subtitles == () and own(film, "fr").subtitles == ()
    film.with_name("film.srt").write_text(SRT)
    assert told(own(film, "fr"), store) == ("manual", None, ["Beside the film."])
    assert film.with_name("film.en.srt").read_text() == SRT, "the user's files stay"


def test_an_unusable_file_leads_to_the_track(film: Path, own: Get, store: Store) -> None:
    film.with_name("film.en.srt").write_bytes(b"\x89PNG\x00" * 50)
    assert told(own(film, "en"), store) == ("manual", "eng", ["In the film."])


def test_automatic_ones_come_last_and_are_read_as_such(film: Path, own: Get, store: Store) -> None:
    film.with_name("film.en.vtt").write_text(ROLLING)
    assert told(own(film, "en"), store)[1:] == ("eng", ["In the film."])
    assert told(own(film, "en", tracks=False), store) == ("automatic", "en", ["now the", "kite flies"])


def test_what_cannot_be_read_is_left_out_and_the_log_says_so(
    film: Path, children: Sandboxes, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    (beside := film.with_name("film.en.srt")).write_text(SRT * 30_000)
    found, settings = listed(film, "en"), config(subtitles=["en"], max_page_megabytes=1)
    get = partial(fetch, found, settings, ALL, store, probe=probe, children=children)
    assert get().subtitles == () and "more than 1000000 bytes" in caplog.text
    beside.unlink()
    caplog.clear()
    video = get()
    assert video.subtitles == () and "'film.en.srt' are left out: No such file" in caplog.text
    assert str(film.parent) not in caplog.text + video.canonical()
    made = transcript(video, store)
    assert (made.reason, made.notes) == (
        "subtitles_missed",
        ("subtitles 'film.en.srt' are left out: No such file or directory",),
    )


def test_tracks_that_take_too_long_are_missed_and_not_absent(
    film: Path, children: Sandboxes, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    def late(_file: Path, _folder: Path) -> Tracks:
        return Tracks(missed=("its subtitle tracks cannot be read: timeout: not done after 900 s",))

    settings = config(subtitles=["en"])
    video = fetch(listed(film, "en"), settings, ALL, store, probe=probe, children=children, read_tracks=late)
    assert transcript(video, store).reason == "subtitles_missed" and "timeout" in caplog.text


def test_a_track_without_a_language_is_in_that_of_the_list(tmp_path: Path, children: Sandboxes, store: Store) -> None:
    nameless = subtitled(tmp_path / "film.mkv", TextTrack(None, [(1.0, 2.0, "In the film.")]))
    for spoken, wanted, expected in (
        ("fr", "en", (None, None, [])),
        ("fr", "fr", ("manual", "fr", ["In the film."])),
        ("French", "fr", ("manual", None, ["In the film."])),
    ):
        one = listed(nameless, wanted).model_copy(update={"metadata": {"language": spoken}})
        settings, tracks = config(subtitles=[wanted]), tracks_by(children, wanted)
        video = fetch(one, settings, ALL, store, probe=probe, children=children, read_tracks=tracks)
        assert told(video, store) == expected


def test_a_broken_track_costs_no_video(own: Get, tmp_path: Path, site: VideoServer) -> None:
    path = tmp_path / "plain.mp4"
    path.write_bytes(site.mp4)
    assert own(path, "en").subtitles == ()


def test_a_file_from_the_web_brings_its_tracks_too(
    tmp_path: Path, site: VideoServer, children: Sandboxes, store: Store
) -> None:
    told_film = subtitled(tmp_path / "a.mp4", TextTrack("eng", [(1.0, 2.0, "In the film.")]), codec="mov_text")
    site.mp4 = told_film.read_bytes()
    for languages, said in ((("en",), ["In the film."]), ((), [])):
        video = fetch(
            source(site.url("/video.mp4")),
            config(subtitles=languages),
            ALL,
            store,
            probe=probe,
            children=children,
            read_tracks=tracks_by(children, *languages),
        )
        assert told(video, store)[2] == said


def test_the_digest_of_a_source_tells_a_file_that_came_changed_or_went(film: Path) -> None:
    def digest(*languages: str) -> str | None:
        return address_digest(listed(film, *languages))

    beside = film.with_name("film.en.srt")
    plain, none = digest(), digest("en")
    beside.write_text(SRT)
    os.utime(beside, ns=(0, 0))
    first = digest("en")
    assert digest() == plain, "where none are wanted nothing is made again"
    assert digest("de") == none, "nor for another language"
    os.utime(beside, ns=(0, 1_000_000_000))
    second = digest("en")
    assert len({plain, none, first, second}) == 4
    found = listed(film, "en")
    beside.unlink()
    assert digest("en") == none and address_digest(found) not in (first, second, none)
