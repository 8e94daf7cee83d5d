"""Unfinished downloads go on only with bytes of the same file: real yt-dlp, a real server, two videos."""

from __future__ import annotations

import json

import pytest

from curation.download.fetch import fetch
from curation.store.store import Store
from curation.video.probe import probe
from schemas.errors import TransientError
from schemas.records import Video
from tests.curation.download.requests import ALL, Here, config, source
from tests.curation.servers import VideoServer, digest, make_video

# yt-dlp leaves the file of a fragmented download open when it ends early; the garbage collector closes it.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")


@pytest.fixture
def site(films):
    """A site with two videos: A at /dropping.mp4, whose connection breaks in the middle, and B at /other.mp4."""
    with VideoServer(films) as server:
        server.other_mp4 = make_video(films, seconds=7)
        server.other_ts = make_video(films, ".ts", seconds=7)
        yield server


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def get(site, store, path, **changes) -> Video:
    return fetch(source(site.url(path)), config(**changes), ALL, store, probe=probe, children=Here())


def break_off(site, store, path="/dropping.mp4"):
    """Begin a download whose connection breaks; returns the unfinished file."""
    with pytest.raises(TransientError):
        get(site, store, path, attempts=1)
    (part,) = (store.root / "partial").rglob("*.part")
    assert part.stat().st_size > 10_000
    return part


def padded(film: bytes, size: int) -> bytes:
    """The same film in a file of `size` bytes: MP4 has boxes that players skip."""
    empty = size - len(film)
    assert empty > 8
    return film + empty.to_bytes(4, "big") + b"free" + bytes(empty - 8)


def test_a_corrected_address_begins_anew(site, store):
    break_off(site, store)
    assert get(site, store, "/other.mp4").sha256 == digest(site.other_mp4)
    assert not any(seen for _, path, seen, *_ in site.requests if path == "/other.mp4"), "nothing to go on from"
    assert get(site, store, "/dropping.mp4").sha256 == digest(site.mp4)
    assert any(seen for _, path, seen, *_ in site.requests if path == "/dropping.mp4"), "its own half is still there"


def test_a_page_that_shows_another_video_now_begins_anew(site, store):
    site.embedded = "/dropping.mp4"
    break_off(site, store, "/embedding.html")
    site.embedded = "/other.mp4"
    assert get(site, store, "/embedding.html").sha256 == digest(site.other_mp4)


def test_a_server_that_ignores_the_condition_is_found_out_by_its_validator(site, store):
    """It answers 206 with bytes of the new file, though If-Range says that only the old one will do."""
    old = padded(site.mp4, len(site.other_mp4))
    site.mp4, site.minds_if_range = old, False
    break_off(site, store)
    site.mp4, site.etag = site.other_mp4, '"two"'
    assert get(site, store, "/dropping.mp4").sha256 == digest(site.other_mp4)


def test_without_any_proof_nothing_is_joined(site, store):
    """No ETag, no date, and the answer to the range does not tell the whole length."""
    site.etag = None
    break_off(site, store)
    site.mp4, site.tells_length, site.drops = site.other_mp4, False, False
    assert get(site, store, "/dropping.mp4").sha256 == digest(site.other_mp4)


def test_the_length_alone_lets_a_download_go_on(site, store):
    site.etag = None
    half = break_off(site, store).stat().st_size
    assert get(site, store, "/dropping.mp4").sha256 == digest(site.mp4)
    assert f"bytes={half - 1}-" in [seen for _, _, seen, *_ in site.requests]


@pytest.mark.parametrize("named", ["as unfinished", "as finished"])
@pytest.mark.parametrize("more", [0, 60])
def test_a_file_that_was_complete_when_the_process_was_killed(site, store, named, more):
    """A server has no bytes after it. yt-dlp alone gives up then, or takes a file that is some bytes longer."""
    site.mp4 = padded(site.mp4, len(site.other_mp4) + more)
    part = break_off(site, store)
    part.write_bytes(site.mp4)
    if named == "as finished":
        part.rename(part.with_suffix(""))
    site.requests.clear()
    if more == 0:
        assert get(site, store, "/dropping.mp4").sha256 == digest(site.mp4)
        assert site.requests[-1][2] == f"bytes={len(site.mp4) - 1}-", "one byte is sent again, not the file"
        return
    site.mp4, site.etag = site.other_mp4, '"two"'
    assert get(site, store, "/dropping.mp4").sha256 == digest(site.other_mp4)


def test_a_complete_file_of_another_video_is_not_taken(site, store):
    """The same length, and the server ignores the condition."""
    site.mp4, site.minds_if_range = padded(site.mp4, len(site.other_mp4)), False
    break_off(site, store).write_bytes(site.mp4)
    site.mp4, site.etag = site.other_mp4, '"two"'
    assert get(site, store, "/dropping.mp4").sha256 == digest(site.other_mp4)


def test_fragments_of_another_playlist_are_not_appended(site, store):
    path = "/hls/index.m3u8?segment=hole"
    with pytest.raises(TransientError, match="media_not_found"):
        get(site, store, path, attempts=1)
    (journal,) = (store.root / "partial").rglob("fragments.json")
    assert json.loads(journal.read_text())["index"] >= 2
    site.segment = "other"
    assert get(site, store, path).sha256 == digest(site.other_ts)


def test_fragments_of_the_same_playlist_go_on_though_folders_and_queries_are_new(site, store):
    path = "/hls/index.m3u8?segment=hole"
    with pytest.raises(TransientError, match="media_not_found"):
        get(site, store, path, attempts=1)
    (journal,) = (store.root / "partial").rglob("fragments.json")
    begun = json.loads(journal.read_text())["index"]
    site.healed = True
    site.segment = "../hls/hole"
    site.requests.clear()
    assert get(site, store, path).sha256 == digest(site.ts)
    assert [name for name in site.paths() if "hole" in name and name.endswith(".ts")] == [
        f"/hls/hole{number}.ts" for number in range(begun, 6)
    ]
