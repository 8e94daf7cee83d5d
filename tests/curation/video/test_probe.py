"""Probing: real videos, and files that are not videos."""

import numpy as np
import pytest

from curation.video.encode import encode_video
from curation.video.probe import probe, probe_safely
from curation.video.sandbox import Sandbox
from schemas.errors import NotStored, PermanentError
from tests.curation import barcode

GRADIENT = [np.full((48, 64, 3), 5 * n, np.uint8) for n in range(12)]


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_probe_reports_the_upright_size(tmp_path, rotation, suffix):
    path = barcode.make(tmp_path / f"a{suffix}", barcode.steady(25, 1), rotation=rotation, audio=True).path
    info = probe(path)
    assert info.rotation == rotation
    assert (info.width, info.height) == ((160, 120) if rotation % 180 == 0 else (120, 160))
    assert info.codec == "h264"
    assert info.has_audio
    assert info.fps == pytest.approx(25, abs=0.5)
    assert info.duration == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(("suffix", "start"), [(".mp4", 0.0), (".mp4", 7.5), (".mkv", 3.25)])
def test_probe_reports_the_first_time_stamp(tmp_path, suffix, start):
    path = barcode.make(tmp_path / f"a{suffix}", barcode.steady(30, 1), start=start).path
    assert probe(path).start == pytest.approx(start, abs=0.001)
    assert not probe(path).has_audio


@pytest.mark.parametrize("codec", ["libsvtav1", "libvpx-vp9"])
def test_codecs_are_named_by_standard_not_by_library(tmp_path, codec):
    encode_video(tmp_path / "a.mkv", [frame.repeat(2, 0).repeat(2, 1) for frame in GRADIENT], fps=10, codec=codec)
    assert probe(tmp_path / "a.mkv").codec in ("av1", "vp9")


RUBBISH = {
    "empty.mp4": (b"", "empty_file"),
    "page.mp4": (b"<!DOCTYPE html><html><body>Video unavailable</body></html>" * 50, "not_a_video"),
    "text.mp4": (b"plain words\n" * 500, "not_a_video"),
    "playlist.mp4": (b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nhttp://127.0.0.1:1/x.ts\n", "not_a_video"),
    "concat.mp4": (b"ffconcat version 1.0\nfile other.mp4\n", "not_a_video"),
    "noise.mp4": (np.random.default_rng(0).bytes(20000), "not_a_video"),
    "concat:a|b.mp4": (b"\0" * 5000, "not_a_video"),
}


@pytest.mark.parametrize("name", RUBBISH)
def test_files_that_are_not_videos_have_a_reason(tmp_path, name):
    data, reason = RUBBISH[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(PermanentError) as caught:
        probe(tmp_path / name)
    assert caught.value.reason == reason
    assert str(tmp_path) not in caught.value.evidence
    if name == "page.mp4":
        assert "web page" in caught.value.evidence


def test_playlists_do_not_reach_other_files(tmp_path):
    encode_video(tmp_path / "secret.mp4", GRADIENT, fps=10)
    for name, text in {
        "a.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nsecret.mp4\n#EXT-X-ENDLIST\n",
        "a.ffconcat": "ffconcat version 1.0\nfile secret.mp4\n",
        "a.txt": "ffconcat version 1.0\nfile secret.mp4\n",
    }.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(PermanentError, match="not_a_video"):
            probe(tmp_path / name)


def test_sound_missing_files_and_headers_without_pictures_are_named(tmp_path):
    with pytest.raises(PermanentError, match="no_video_stream: streams: audio"):
        probe(barcode.make_sound(tmp_path / "a.mp4", 1))
    with pytest.raises(NotStored, match="file_missing"):
        probe(tmp_path / "nowhere.mp4")
    path = barcode.make(tmp_path / "b.mp4", barcode.steady(10, 1), mux={"movflags": "+faststart"}).path
    data = path.read_bytes()
    start = data.index(b"mdat") + 4
    path.write_bytes(data[:start] + bytes(len(data) - start))
    with pytest.raises(PermanentError, match="no_frames"):
        probe(path)


def test_probing_in_a_child_gives_the_same(tmp_path):
    encode_video(tmp_path / "a.mp4", GRADIENT, fps=10)
    with Sandbox() as sandbox:
        assert probe_safely(tmp_path / "a.mp4", sandbox) == probe(tmp_path / "a.mp4")
        with pytest.raises(NotStored, match="file_missing"):
            probe_safely(tmp_path / "b.mp4", sandbox)
