"""Pages and manifests that are made to use up memory and time, read by the real yt-dlp in children with limits."""

from __future__ import annotations

import gzip
import os
import resource
import threading
import time

import pytest

from curation.download.fetch import fetch
from curation.pipeline.process import process
from curation.store.store import Store
from curation.video.probe import probe
from curation.video.sandbox import Limits
from curation.video.sandboxes import Sandboxes
from schemas.configuration.config import DownloadConfig, FilterConfig, RangeFilter
from schemas.errors import Interrupted, PoisonError, RefusedError
from schemas.records import Origin, Source
from tests.curation.hashes import HASHES
from tests.curation.hostile import burn, wait_until_gone
from tests.curation.scripted_stages import Tally
from tests.curation.servers import VideoServer, digest

pytestmark = pytest.mark.slow

# 369 bytes that name 10**14 segments.
DASH_BOMB = (
    b'<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT9S"><Period>'
    b'<AdaptationSet mimeType="video/mp4"><SegmentTemplate timescale="1" media="s$Number$.m4s"><SegmentTimeline>'
    b'<S t="0" d="1" r="99999999999999"/></SegmentTimeline></SegmentTemplate>'
    b'<Representation id="1" bandwidth="1" width="64" height="64"/></AdaptationSet></Period></MPD>'
)
SWAMP = b"<video " * 8000  # an extractor's pattern takes a time that grows with the square of the page
ALL = FilterConfig(duration=RangeFilter(mode="disable"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with VideoServer(tmp_path_factory.mktemp("films")) as server:
        server.pages = {
            "/bomb.mpd": ("application/dash+xml", DASH_BOMB, {}),
            "/swamp.html": ("text/html", SWAMP, {}),
            "/large.html": ("text/html", b"<p>no video</p>" * 200_000, {}),
            "/huge.vtt": ("text/vtt", b"WEBVTT\n\n" + b"00:00.000 --> 00:02.000\nHello.\n\n" * 100_000, {}),
            "/track.html": (
                "text/html",
                b'<title>t</title><video src="video.mp4"><track kind="subtitles" srclang="en" src="/huge.vtt"></video>',
                {},
            ),
            "/packed.html": ("text/html", gzip.compress(b"<html>" + b" " * 10**8, 9), {"Content_Encoding": "gzip"}),
            "/bomb.m3u8": (
                "application/vnd.apple.mpegurl",
                b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n" + b"#EXTINF:1,\na\n" * 1_000_000 + b"#EXT-X-ENDLIST\n",
                {},
            ),
        }
        yield server


@pytest.fixture(scope="module")
def children():
    with Sandboxes() as made:
        yield made


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def get(uri, store, children, **changes):
    config = DownloadConfig(**{"allow_private_addresses": True, "backoff": 0, "wall_seconds": 100, **changes})
    spec = Source(id="a1", kind="url", uri=uri, origin=Origin(list_name="l.csv", row=1))
    return fetch(spec, config, ALL, store, probe=probe, children=children)


def own_megabytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def test_a_manifest_that_names_more_segments_than_memory_holds_is_poison(site, store, children):
    assert len(DASH_BOMB) < 400
    before = own_megabytes()
    with pytest.raises(PoisonError) as caught:
        get(site.url("/bomb.mpd"), store, children, memory_megabytes=512)
    assert caught.value.reason == "memory"
    assert "more than 512 MB" in caught.value.evidence
    assert "raise download.memory_megabytes" in caught.value.evidence
    assert own_megabytes() - before < 50
    assert not list((store.root / "partial").iterdir())
    # The child that ran out of memory was replaced: the next video does not pay for it.
    assert get(site.url("/video.mp4"), store, children, memory_megabytes=512).sha256 == digest(site.mp4)


def test_a_page_that_a_pattern_takes_minutes_to_read_is_poison(site, store, children):
    began = time.monotonic()
    with pytest.raises(PoisonError) as caught:
        get(site.url("/swamp.html"), store, children, cpu_seconds=2)
    assert caught.value.reason == "cpu_time"
    assert "more than 2 s of CPU time" in caught.value.evidence
    assert time.monotonic() - began < 40
    assert get(site.url("/video.mp4"), store, children, cpu_seconds=2).sha256 == digest(site.mp4)


def test_the_time_for_pages_is_not_charged_for_the_videos_before(site, store, children):
    """A child that worked for many videos has used more CPU time than one video may."""
    children.run(burn, 3.0, limits=Limits(60))
    assert get(site.url("/page.html"), store, children, cpu_seconds=2).sha256 == digest(site.mp4)


def test_a_stop_ends_the_reading_of_a_page_within_a_second_or_two(site, store):
    stop, pids = threading.Event(), []

    def raise_if_stopped():
        if stop.is_set():
            raise Interrupted("stopped")

    def reading():
        while site.count("/swamp.html") == seen:
            time.sleep(0.01)
        time.sleep(0.5)  # the child is inside the pattern, in C code that holds its interpreter's lock
        stop.set()

    seen = site.count("/swamp.html")
    with Sandboxes(raise_if_stopped) as own:
        pids.append(own.run(os.getpid, limits=Limits(60)))
        threading.Thread(target=reading).start()
        with pytest.raises(Interrupted):
            get(site.url("/swamp.html"), store, own)
        stopped = time.monotonic()
        wait_until_gone(pids[0])
        assert time.monotonic() - stopped < 5


@pytest.mark.parametrize("page", ["/large.html", "/packed.html"])
def test_a_large_page_is_refused_with_the_key_that_allows_it(site, store, children, page):
    """The second is 100 kB that unpack to 100 MB."""
    before = site.count(page)
    with pytest.raises(RefusedError) as caught:
        get(site.url(page), store, children, max_page_megabytes=1)
    assert caught.value.reason == "page_too_large"
    assert "more than 1 MB" in caught.value.evidence
    assert "raise download.max_page_megabytes" in caught.value.evidence
    assert site.count(page) - before <= 2, "it is not asked for again"


def test_subtitles_that_are_too_large_are_left_out_and_the_log_says_so(site, store, children, caplog):
    video = get(site.url("/track.html"), store, children, max_page_megabytes=1, subtitles=("en",))
    assert video.sha256 == digest(site.mp4) and video.subtitles == ()
    assert "subtitles in en: page_too_large" in caplog.text
    assert video.missed_subtitles == ("subtitles in en: page_too_large",)
    whole = get(site.url("/track.html"), store, children, subtitles=("en",))
    assert [track.language for track in whole.subtitles] == ["en"] and whole.missed_subtitles == ()


def test_a_playlist_of_a_million_fragments_stays_within_the_memory_of_its_child(site, store, children):
    before = own_megabytes()
    with pytest.raises(PoisonError) as caught:
        get(site.url("/bomb.m3u8"), store, children, memory_megabytes=512)
    assert caught.value.reason == "memory"
    assert own_megabytes() - before < 50


def test_a_resumed_run_does_not_pay_again_for_a_bomb(site, store, children, ledger):
    def download(inputs):
        return get(inputs.source.uri, store, children, memory_megabytes=512)

    source = Source(id="bomb", kind="url", uri=site.url("/bomb.mpd"), origin=Origin(list_name="l.csv", row=1))
    ids = ledger.register([source])
    counts = []
    for _ in range(2):
        tally = Tally()
        process("download", ids, ledger=ledger, hashes=HASHES, work=download, progress=tally, stop=threading.Event())
        counts.append((dict(tally.rows), site.count("/bomb.mpd")))
    entry = ledger.entry("bomb", "download")
    assert (entry.head.status, entry.head.error_class) == ("rejected", "poison")
    assert counts[0][0] == {("download", "rejected"): 1}
    assert counts[1][1] == counts[0][1], "the second run asks for nothing"
