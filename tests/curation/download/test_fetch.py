"""Downloads with the real yt-dlp from a local server that behaves well, badly and maliciously."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from curation.download.fetch import fetch
from curation.download.pacing.hosts import Hosts
from curation.download.pacing.states import InMemory
from curation.sources import addresses
from curation.video.probe import probe
from schemas.configuration.config import FilterConfig, ListFilter
from schemas.errors import ConfigError, HostBlocked, PermanentError, RefusedError, StageError, TransientError
from schemas.records import Video
from schemas.repository import ROOT
from tests.curation.download.requests import ALL, Here, config, source
from tests.curation.servers import HOSTILE_TITLE, digest, make_video

# yt-dlp leaves the file of a fragmented download open when it ends early; the garbage collector closes it.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")


def files(store):
    """What the store holds, without its notes of what was checked."""
    names = (path.relative_to(store.root).as_posix() for path in store.root.rglob("*") if path.is_file())
    return sorted(name for name in names if not name.startswith("checked/"))


def test_a_direct_file(get, site, store):
    calls = []
    video = get(site.url("/video.mp4"), store, progress=lambda done: calls.append(done))
    assert (video.sha256, video.bytes, video.extension) == (digest(site.mp4), len(site.mp4), "mp4")
    assert (video.codec, video.width, video.height, video.duration) == ("h264", 64, 64, 6.0)
    assert files(store) == [f"videos/{video.sha256[:2]}/{video.sha256}.mp4"]
    assert calls[-1] == len(site.mp4)
    assert Video.model_validate_json(video.canonical()) == video


MPD = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT6S" minBufferTime="PT1S"
 profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period>
<AdaptationSet contentType="video" mimeType="video/mp4"><Representation id="v" codecs="avc1.64000c" width="64"
 height="64" bandwidth="90000"><BaseURL>picture.mp4</BaseURL></Representation></AdaptationSet>
<AdaptationSet contentType="audio" mimeType="audio/mp4">SOUNDS</AdaptationSet></Period></MPD>"""
LOUD, SMALL = (
    f'<Representation id="{name}" codecs="mp4a.40.2" bandwidth="{bits}" audioSamplingRate="48000">'
    f"<BaseURL>{name}.m4a</BaseURL></Representation>"
    for name, bits in (("loud", 256_000), ("small", 48_000))
)


def apart(site, *sounds):
    """A site that gives picture and sound apart, as YouTube does."""
    site.pages |= {
        "/apart/film.mpd": ("application/dash+xml", MPD.replace("SOUNDS", "".join(sounds)).encode(), {}),
        "/apart/picture.mp4": ("video/mp4", site.mp4, {}),
        "/apart/loud.m4a": ("audio/mp4", b"L" * 5000, {}),
        "/apart/small.m4a": ("audio/mp4", b"S" * 3000, {}),
    }
    return site.url("/apart/film.mpd")


def test_sound_that_a_site_gives_apart_is_fetched_where_it_is_wanted(get, site, store):
    uri = apart(site, LOUD, SMALL)
    plain = get(uri, store)
    assert plain.sound is None and "sound" not in plain.canonical() and site.count("/apart/small.m4a") == 0
    video = get(uri, store, sound=True)
    assert video.model_copy(update={"sound": None}) == plain
    assert (video.sound.bytes, video.sound.extension) == (3000, "m4a"), "the smaller one is as clear"
    assert store.take("sounds", video.sound.sha256, "m4a").read_bytes() == b"S" * 3000
    assert not list((store.root / "partial").iterdir())
    assert Video.model_validate_json(video.canonical()) == video


def test_a_file_with_sound_in_it_and_one_that_nobody_offers_are_not_asked_for(get, site, store, caplog):
    assert get(site.url("/video.mp4"), store, sound=True).sound is None
    assert get(apart(site), store, sound=True).sound is None
    assert "no file of sound is offered" in caplog.text


@pytest.mark.parametrize(("answer", "reason"), [("/status/404", "media_not_found"), ("/status/500", "server_error")])
def test_sound_that_cannot_be_fetched_fails_the_download_so_that_it_is_tried_again(get, site, store, answer, reason):
    uri = apart(site, SMALL.replace("small.m4a", site.url(answer)))
    with pytest.raises(StageError) as caught:
        get(uri, store, sound=True, attempts=2)
    assert (caught.value.reason, site.count(answer)) == (reason, 2)
    assert not [name for name in files(store) if not name.startswith("partial/")]


@pytest.mark.slow
def test_a_page_with_subtitles_and_a_hostile_title(get, site, store, caplog, tmp_path, monkeypatch):
    caplog.set_level(logging.DEBUG)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    video = get(site.url("/page.html?track=1&token=SECRET"), store, subtitles=("en", "fr"))
    assert video.sha256 == digest(site.mp4)
    assert video.publication.title.startswith(HOSTILE_TITLE)
    (track,) = video.subtitles
    assert (track.language, track.automatic, track.format) == ("en", False, "vtt")
    assert store.path("subtitles", track.sha256, "vtt").read_bytes().startswith(b"WEBVTT")
    assert len(files(store)) == 2
    assert not list((tmp_path / "here").iterdir())
    assert "SECRET" not in video.canonical() + caplog.text


def test_hls_is_joined_from_its_fragments(get, site, store):
    video = get(site.url("/hls/index.m3u8"), store)
    assert (video.sha256, video.extension, video.container) == (digest(site.ts), "ts", "mpegts")


@pytest.mark.parametrize(
    ("path", "kind", "reason"),
    [
        ("/missing.mp4", PermanentError, "not_found"),
        ("/plain.html", PermanentError, "unsupported"),
        ("/several.html", PermanentError, "playlist"),
        ("/lying.mp4", PermanentError, "not_a_video"),
        ("/hls/index.m3u8?segment=hole", TransientError, "media_not_found"),
        ("/status/403", TransientError, "forbidden"),
        ("/status/500", TransientError, "server_error"),
        ("/status/451", PermanentError, "geo_blocked"),
        ("/redirect?to=ftp://h.example/x", RefusedError, "scheme_not_allowed"),
        ("/redirect?to=file:///etc/passwd", RefusedError, "scheme_not_allowed"),
    ],
)
def test_failures_have_a_class_and_a_reason(get, site, store, path, kind, reason):
    with pytest.raises(StageError) as caught:
        get(site.url(path), store, attempts=2)
    assert (type(caught.value), caught.value.reason) == (kind, reason)
    assert caught.value.evidence
    assert not any(name.startswith("videos/") for name in files(store))
    if kind is not TransientError:
        assert files(store) == []


def test_transient_errors_are_tried_again_as_often_as_configured(get, site, store):
    assert get(site.url("/status/503?fails=2"), store).sha256 == digest(site.mp4)
    with pytest.raises(TransientError):
        get(site.url("/status/502"), store, attempts=2)
    assert site.count("/status/502") == 2


def test_retry_after_is_honoured_for_the_whole_host(get, site, store, monkeypatch):
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    hosts = Hosts(config(), InMemory(lambda: 0.0), sleep=slept.append)
    get(site.url("/status/429?after=7&fails=1"), store, hosts=hosts, backoff=1000)
    assert [seconds for seconds in slept if seconds >= 1] == [7]
    get(site.url("/video.mp4"), store, hosts=hosts)
    assert [seconds for seconds in slept if seconds >= 1] == [7, 7]  # the next visit waits for its turn


def test_a_wait_beyond_the_wall_time_is_not_started_and_the_host_is_paused(get, site, store):
    hosts = Hosts(config())
    with pytest.raises(HostBlocked) as caught:
        get(site.url("/status/429?after=5000"), store, hosts=hosts)
    assert (caught.value.reason, caught.value.seconds) == ("rate_limited", 5000)
    asked = len(site.requests)
    with pytest.raises(HostBlocked, match="host_paused"):
        get(site.url("/video.mp4"), store, hosts=hosts)
    assert len(site.requests) == asked


def test_a_dropped_connection_is_resumed_where_it_broke(get, site, store):
    video = get(site.url("/dropping.mp4"), store)
    assert video.sha256 == digest(site.mp4)
    resumed = [seen for _, path, seen, *_ in site.requests if path == "/dropping.mp4" and seen]
    assert resumed
    assert int(resumed[0].removeprefix("bytes=").rstrip("-")) > 0


@pytest.mark.parametrize("etag", ['"two"', '"one"'])
def test_a_file_that_changed_on_the_server_is_fetched_again(get, site, store, films, etag):
    """The validator shows the change; or the length, when the server keeps the validator."""
    with pytest.raises(TransientError):
        get(site.url("/dropping.mp4"), store, attempts=1)
    site.etag, site.mp4 = etag, make_video(films, seconds=7)
    assert get(site.url("/dropping.mp4"), store).sha256 == digest(site.mp4)
    assert '"one"' in [if_range for _, _, seen, if_range, _ in site.requests if seen]


@pytest.mark.slow
def test_the_wall_time_stops_a_very_slow_server(get, site, store):
    for path in ("/drip.mp4", "/drip.html?kind=text/html"):
        with pytest.raises(TransientError) as caught:
            get(site.url(path), store, wall_seconds=0.7)
        assert caught.value.reason == "wall_time"


def test_sizes_are_limited(get, site, store):
    with pytest.raises(RefusedError) as caught:
        get(site.url("/video.mp4"), store, max_megabytes=0.05)
    assert (caught.value.reason, caught.value.evidence) == ("too_large", "0.1 MB, at most 0.05 MB")
    with pytest.raises(RefusedError):
        get(site.url("/hls/index.m3u8"), store, max_megabytes=0.05)
    assert files(store) == []


def test_filters_are_judged_before_the_bytes(get, site, store):
    filters = FilterConfig(blocklist=ListFilter(mode="enable", deny=("a1",)))
    with pytest.raises(RefusedError) as caught:
        get(site.url("/page.html"), store, filters=filters)
    assert caught.value.reason == "blocked"
    assert site.count("/video.mp4") == 0


@pytest.fixture
def only_one_public_address(monkeypatch):
    """The address of the local server counts as public here, 127.0.0.2 does not."""
    monkeypatch.setattr(addresses, "is_public", lambda ip: ip == "127.0.0.1")


@pytest.mark.usefixtures("only_one_public_address")
@pytest.mark.parametrize("how", ["/redirect?to={}", "/page.html?src={}", "/hls/index.m3u8?segment={}seg"])
def test_redirects_media_and_fragments_do_not_reach_private_addresses(get, site, store, how):
    target = site.url("/").replace("127.0.0.1", "127.0.0.2")
    with pytest.raises(RefusedError) as caught:
        get(site.url(how.format(target)), store, children=Here(), allow_private_addresses=False)
    assert caught.value.reason == "address_not_allowed"
    assert "127.0.0.2" in caught.value.evidence


@pytest.mark.usefixtures("only_one_public_address")
def test_a_second_dns_answer_is_checked_too(get, site, store, monkeypatch):
    answers = iter(["127.0.0.1", "127.0.0.2"])
    real = socket.getaddrinfo

    def rebinding(host, *args, **kwargs):
        return real(next(answers) if host == "rebind.example" else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    url = site.url("/video.mp4").replace("127.0.0.1", "rebind.example")
    with pytest.raises(RefusedError) as caught:
        get(url, store, children=Here(), allow_private_addresses=False)
    assert "rebind.example is 127.0.0.2" in caught.value.evidence
    assert site.requests == []


def test_cookies_are_sent_but_neither_changed_nor_logged(get, site, store, tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    jar = tmp_path / "cookies.txt"
    jar.write_text("127.0.0.1\tFALSE\t/\tFALSE\t\tsession\tTOPSECRET\n")
    monkeypatch.setenv("V2XUM_COOKIES_FILE", str(jar))
    video = get(site.url("/video.mp4"), store)
    assert site.requests[0][4] == "session=TOPSECRET"
    assert "TOPSECRET" not in video.canonical() + caplog.text
    assert jar.read_text().count("\n") == 1
    for text in ('[{"name": "TOPSECRET"}]', "127.0.0.1 FALSE / TOPSECRET", "a\tb\tc\td\tTOPSECRET\tf\tg"):
        jar.write_text(text)
        with pytest.raises(ConfigError, match="line 1") as caught:
            get(site.url("/video.mp4"), store)
        assert "TOPSECRET" not in str(caught.value)
    monkeypatch.setenv("V2XUM_COOKIES_FILE", str(tmp_path / "none"))
    with pytest.raises(ConfigError):
        get(site.url("/video.mp4"), store)


def test_local_files(children, site, store, tmp_path):
    film = tmp_path / "../odd $HOME %(id)s name.mp4"
    film.write_bytes(site.mp4)
    refused = FilterConfig(licence=ListFilter(mode="enable", allow=("CC0",), unknown="drop"))
    with pytest.raises(RefusedError):
        fetch(source(str(film), "file"), config(), refused, store, probe=probe, children=children)
    listed = source(str(film), "file", metadata={"licence": "cc0"})
    video = fetch(listed, config(), refused, store, probe=probe, children=children)
    assert (video.sha256, video.duration) == (digest(site.mp4), 6.0)
    assert str(tmp_path) not in video.canonical()
    assert film.exists()
    film.unlink()
    with pytest.raises(PermanentError, match="file_not_found"):
        fetch(listed, config(), ALL, store, probe=probe, children=children)


@pytest.mark.slow
def test_several_threads_at_once(children, site, store):
    results = {}

    def one(number):
        path = ["/video.mp4", "/hls/index.m3u8", "/missing.mp4", "/page.html"][number % 4]
        spec = source(site.url(f"{path}?{number}")).model_copy(update={"id": f"t{number}"})
        try:
            results[number] = fetch(spec, config(), ALL, store, probe=probe, children=children, hosts=hosts).sha256
        except StageError as error:
            results[number] = error.reason

    hosts = Hosts(config())
    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = [digest(site.mp4), digest(site.ts), "not_found", digest(site.mp4)]
    assert [results[number] for number in range(8)] == expected * 2
    assert len(files(store)) == 2


CHILD = """
import sys, threading
from pathlib import Path
from curation.video.sandboxes import Sandboxes
from curation.download.fetch import fetch
from curation.store.store import Store
from curation.video.probe import probe
from tests.curation.download.requests import ALL, config, source
store, children = Store(Path(sys.argv[1])), Sandboxes()
def run(url):
    fetch(source(url).model_copy(update={"id": url[-8:-4]}), config(), ALL, store, probe=probe, children=children)
threads = [threading.Thread(target=run, args=(url,)) for url in sys.argv[2:]]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""


@pytest.mark.slow
def test_bytes_of_a_killed_process_are_not_fetched_again(children, site, store):
    urls = [site.url("/gated.mp4"), site.url("/hls/index.m3u8?segment=gated&x.mp4")]
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(store.root), *urls], cwd=ROOT, env=os.environ)

    def has(suffix, size):
        parts = [path for path in (store.root / "partial").rglob(f"*{suffix}") if "Frag" not in path.name]
        return len(parts) == 2 and all(path.stat().st_size >= size for path in parts)

    def begun():
        journals = list((store.root / "partial").rglob("fragments.json"))
        return site.count("/hls/gated3.ts") and has(".part", 10_000) and journals and site.count("/gated.mp4") >= 2

    while not begun():
        assert child.poll() is None
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait()
    journal = [json.loads(path.read_text()) for path in (store.root / "partial").rglob("fragments.json")]
    site.gate.set()
    site.requests.clear()
    for url, whole in zip(urls, (site.mp4, site.ts), strict=True):
        spec = source(url).model_copy(update={"id": url[-8:-4]})
        assert fetch(spec, config(), ALL, store, probe=probe, children=children).sha256 == digest(whole)
    assert any(path == "/gated.mp4" and seen for _, path, seen, *_ in site.requests)
    fetched = {path for path in site.paths() if path.startswith("/hls/gated")}
    assert fetched == {f"/hls/gated{k}.ts" for k in range(journal[0]["index"], 6)}
    assert not list((store.root / "partial").iterdir())
