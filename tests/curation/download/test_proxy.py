"""Downloads through a proxy, which is asked for no private address: real yt-dlp, a real local proxy."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

import pytest

from curation.video.sandboxes import Sandboxes
from schemas.errors import RefusedError, TransientError
from tests.curation.servers import digest

# yt-dlp leaves the file of a fragmented download open when it ends early; the garbage collector closes it.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")

PROXIED = (
    "http://videos.invalid/redirect?to={}",
    "http://videos.invalid/page.html?src={}",
    "http://videos.invalid/hls/index.m3u8?segment={}seg",
)


def test_a_proxy_is_used_and_resolves_the_names(get, site, store, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("V2XUM_PROXY", site.url("").replace("127.0.0.1", "user:PASSWORD@127.0.0.1"))
    video = get("http://videos.invalid/video.mp4", store, allow_private_addresses=False)
    assert video.sha256 == digest(site.mp4)
    assert "http://videos.invalid/video.mp4" in site.paths()
    assert "PASSWORD" not in video.canonical() + caplog.text
    with pytest.raises(RefusedError):
        get("http://10.0.0.1/video.mp4", store, allow_private_addresses=False)


@pytest.mark.parametrize(
    "target",
    [
        *("http://169.254.169.254/latest", "http://169.254.169.254./latest", "http://0xa9fea9fe/", "http://router/"),
        *("https://10.0.0.1/", "http://metadata.google.internal/", "http://[::ffff:127.0.0.1]/"),
    ],
)
def test_a_proxy_is_asked_for_no_private_address(get, site, store, monkeypatch, target):
    """The first address, the target of a redirect, the video of a page, and a fragment of a playlist."""
    monkeypatch.setenv("V2XUM_PROXY", site.url(""))
    for how in ("{}", *PROXIED):
        with pytest.raises(RefusedError) as caught:
            get(how.format(target), store, allow_private_addresses=False)
        assert caught.value.reason == "address_not_allowed"
    host = urlsplit(target).netloc
    assert not [path for path in site.paths() if urlsplit(path).netloc == host or path.startswith(host)]
    assert "CONNECT" not in [method for method, *_ in site.requests]


@pytest.mark.slow
def test_a_proxy_for_all_programs_is_asked_for_no_private_address_either(get, site, store, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", site.url(""))
    with Sandboxes() as fresh:  # children have the environment of their start
        url = "http://videos.invalid/redirect?to={}"
        with pytest.raises(RefusedError):
            get(url.format("http://169.254.169.254/"), store, children=fresh, allow_private_addresses=False)
        public = url.format("http://other.invalid/video.mp4")
        assert get(public, store, children=fresh, allow_private_addresses=False).sha256 == digest(site.mp4)
    assert not [path for path in site.paths() if path.startswith("http://169")]


def test_a_proxy_is_asked_for_public_names_that_only_it_can_resolve(get, site, store, monkeypatch):
    monkeypatch.setenv("V2XUM_PROXY", site.url(""))
    url = "http://videos.invalid/redirect?to=http://other.invalid/video.mp4"
    assert get(url, store, allow_private_addresses=False).sha256 == digest(site.mp4)
    with pytest.raises(TransientError):
        get("https://videos.invalid/video.mp4", store, allow_private_addresses=False, attempts=1)
    assert ("CONNECT", "videos.invalid:443") in [(method, path) for method, path, *_ in site.requests]


@pytest.mark.slow
def test_the_wall_time_stops_a_very_slow_server_behind_a_proxy(get, site, store, monkeypatch):
    monkeypatch.setenv("V2XUM_PROXY", site.url(""))
    with pytest.raises(TransientError) as caught:
        get("http://videos.invalid/drip.mp4", store, wall_seconds=0.7)
    assert caught.value.reason == "wall_time"
