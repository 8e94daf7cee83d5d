"""Looks at published videos with the real yt-dlp: at local sites that lost them, hide them, refuse, or are down."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest

from curation.release.refresh import looks
from curation.status.opt_outs import take_opt_outs
from schemas.errors import RefusedError
from tests.curation.download.requests import Here
from tests.curation.release.refresh.released import Clock, at, found, look, released
from tests.curation.release.refresh.tunnel import Tunnel, certificate
from tests.curation.servers import VideoServer

# yt-dlp leaves sockets of pages open that it did not read to their end; the garbage collector closes them.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")]
UUID = "9c9de5e8-0a1e-484a-b099-e8076618{:04d}"


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("films")


@pytest.fixture
def site(films: Path) -> Iterator[VideoServer]:
    with VideoServer(films) as server:
        yield server


@pytest.fixture
def tunnel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tunnel]:
    """A proxy to sites that this process trusts; children would not."""
    pem = certificate(tmp_path)
    monkeypatch.setattr(certifi, "where", lambda: str(pem))
    with Tunnel(pem) as proxy:
        monkeypatch.setenv("V2XUM_PROXY", proxy.url)
        yield proxy


def test_each_answer_of_a_site_is_told_apart(tmp_path: Path, site: VideoServer) -> None:
    pages = {
        "there": "/video.mp4",
        "page": "/page.html",
        "playlist": "/hls/index.m3u8",
        "removed": "/status/410",
        "missing": "/status/404",
        "elsewhere": "/status/451",
        "locked": "/status/401",
        "busy": "/status/503",
        "text": "/plain.html",
    }
    with released(tmp_path / "w", [at(name, site.url(path)) for name, path in pages.items()]) as opened:
        report = look(opened, Clock())
        stored = opened[1].ledger.rechecks(list(pages))
    assert report.looks.watched == report.looks.due == 9 and report.looks.checked == 8
    assert {name: (one.outcome, one.reason) for name, one in stored.items()} == {
        "there": ("available", None),
        "page": ("available", None),
        "playlist": ("available", None),
        "removed": ("gone", "removed"),
        "missing": ("absent", "not_found"),
        "elsewhere": ("absent", "geo_blocked"),
        "locked": ("absent", "login_required"),
        "text": ("unclear", "unsupported"),
    }
    assert report.looks.unanswered == {"server_error": 1}
    assert report.tombstones == {"removed": 1} and [one.id for one in report.made] == ["removed"]
    assert site.count("/status/503") == 1, "asked once: the next refresh asks again"


def test_no_video_is_downloaded(tmp_path: Path, site: VideoServer) -> None:
    site.mp4 = site.mp4 * 50  # more than a socket's buffers take
    with released(tmp_path / "w", [at("v1", site.url("/video.mp4")), at("v2", site.url("/page.html"))]) as opened:
        assert found(look(opened, Clock())) == {"available": 2}
    assert site.count("/video.mp4") >= 1 and max(site.delivered, default=0) < len(site.mp4)


def test_a_host_that_refuses_and_a_server_that_is_down_make_no_tombstone(tmp_path: Path, site: VideoServer) -> None:
    dead = socket.socket()
    dead.bind(("127.0.0.1", 0))  # the port is taken, and nobody listens
    down = at("down", f"http://127.0.0.1:{dead.getsockname()[1]}/video.mp4")
    clock = Clock()
    samples = [at(f"v{n}", site.url(f"/status/429?after=600&n={n}")) for n in range(4)]
    with released(tmp_path / "w", [*samples, down]) as opened:
        for _ in range(3):
            report = look(opened, clock)
            assert report.looks.unanswered == {"host_paused": 3, "rate_limited": 1, "network": 1}
            assert report.looks.checked == 0 and report.tombstones == {}
            clock.sleep(60)
        assert opened[1].ledger.rechecks(["v0", "down"]) == {}
    dead.close()
    assert site.count("/status/429") == 3, "a host that refuses is not asked again"


def test_when_nothing_answers_the_rest_is_left_for_later(
    tmp_path: Path, site: VideoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looks, "MOST_FAILURES", 3)
    film = tmp_path / "film.mp4"
    film.write_bytes(b"x" * 123_456)
    samples = [at(f"v{n}", site.url(f"/status/500?n={n}")) for n in range(6)]
    with released(tmp_path / "w", [*samples, at("v2-file", str(film))]) as opened:
        report = look(opened, Clock())
    # The local file answers between: it says nothing about the network, and is looked at all the same.
    assert report.looks.found == {"available": 1}
    assert report.looks.unanswered == {"server_error": 3, "not_asked": 3}


def test_private_removed_and_hidden_videos_are_what_their_site_says(tmp_path: Path, tunnel: Tunnel) -> None:
    samples = [
        at("private", tunnel.niconico("sm1", "FORBIDDEN", "HIDDEN_VIDEO")),
        at("claimed", tunnel.niconico("sm2", "NOT_FOUND", "RIGHT_HOLDER_DELETE_VIDEO")),
        at("abroad", tunnel.niconico("sm3", "FORBIDDEN", "DOMESTIC_VIDEO")),
        at("members", tunnel.niconico("sm4", "FORBIDDEN", "CHANNEL_MEMBER_ONLY")),
    ]
    with released(tmp_path / "w", samples) as opened:
        vars(opened[1])["download_children"] = Here()
        report = look(opened, Clock())
        assert found(report) == {"private": 1, "removed": 1, "geo_blocked": 1, "members_only": 1}
        assert report.tombstones == {"private": 1, "removed": 1}


def test_a_licence_that_changed_withdraws_the_row_until_it_is_back(tmp_path: Path, tunnel: Tunnel) -> None:
    clock, stated = Clock(), "Attribution"
    addresses = [tunnel.peertube(UUID.format(number), stated) for number in range(3)]
    samples = [at(f"v{number}", address, licence=stated) for number, address in enumerate(addresses)]
    with released(tmp_path / "w", samples) as opened:
        vars(opened[1])["download_children"] = Here()
        assert found(look(opened, clock)) == {"available": 3}
        clock.sleep(31)
        tunnel.peertube(UUID.format(0), "Attribution - Non Commercial")
        tunnel.peertube(UUID.format(1), None)
        report = look(opened, clock)
        assert found(report) == {"available": 2, "licence_changed": 1}
        (reason,) = [each for each in report.proposal.reasons if each.what == "rows_left"]
        assert reason.words == "1 row left (download: licence_changed 1)"
        assert opened[1].ledger.tombstones()["v0"].detail == f"{stated} -> Attribution - Non Commercial"
        clock.sleep(31)
        tunnel.peertube(UUID.format(0), stated)
        report = look(opened, clock)
        assert [one.id for one in report.lifted] == ["v0"] and report.proposal.version is None


def test_a_channel_that_opted_out_is_not_downloaded(tmp_path: Path, tunnel: Tunnel) -> None:
    """The channel is known from the publisher's metadata only; no byte of the video is asked for."""
    address = tunnel.peertube(UUID.format(7), "Attribution", channel="Ann's films")
    with released(tmp_path / "w", [at("v0", "https://example.org/v0")]) as (place, services):
        vars(services)["download_children"] = Here()
        (place.root / "optout.jsonl").write_text('{"channel": "ann\'s films"}\n')
        take_opt_outs(place.root, services.config.refresh, services.ledger)
        with pytest.raises(RefusedError) as caught:
            services.fetch(at("v1", address).source)
    assert (caught.value.reason, caught.value.evidence) == ("opted_out", "")
    assert tunnel.paths == [f"/api/v1/videos/{UUID.format(7)}/"]
