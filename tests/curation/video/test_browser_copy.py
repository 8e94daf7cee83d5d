"""Copies for browsers: files that play are linked, other files are encoded with the same pictures, times and sound."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from curation.frames.pyav_sampler import PyavSampler
from curation.video.browser_copy import encode, make_playable, plays
from curation.video.encode import encode_video
from curation.video.probe import probe
from curation.video.sandbox import Limits, Sandbox
from schemas.errors import PermanentError
from tests.curation import barcode

LIMITS = Limits(60.0, 4096)


def film(path: Path, codec: str = "libx264", width: int = 96, height: int = 64) -> Path:
    pictures = (np.full((height, width, 3), 20 * number, np.uint8) for number in range(12))
    encode_video(path, pictures, fps=4, codec=codec)
    return path


def with_sound(path: Path, codec: str) -> Path:
    """Two seconds of a tone beside the pictures."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=Fraction(4))
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        sound = container.add_stream(codec, rate=48_000, layout="mono")
        for number in range(8):
            frame = av.VideoFrame.from_ndarray(np.full((64, 96, 3), 20 * number, np.uint8), format="rgb24")
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        tone = (np.sin(np.arange(96_000) / 20) * 8000).astype(np.int16)[None, :]
        frame = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
        frame.sample_rate = 48_000
        resampler = av.AudioResampler(format=sound.codec_context.format, layout="mono", rate=48_000, frame_size=1024)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(sound.encode(part))
        container.mux(sound.encode(None))
    return path


def test_what_plays_is_linked(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4")
    (tmp_path / "out").mkdir()
    with Sandbox() as sandbox:
        out = make_playable(path, tmp_path / "out", sandbox, LIMITS)
        assert out.samefile(path) and out.name == "a.mp4"
        assert make_playable(path, tmp_path / "out", sandbox, LIMITS) == out
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["a.mp4"]


@pytest.mark.parametrize(
    ("name", "codec", "expected"),
    [
        ("a.mp4", "libx264", True),
        ("a.mkv", "libx264", False),
        ("a.mp4", "libx265", False),
        ("a.webm", "libvpx-vp9", True),
        ("a.mkv", "libvpx-vp9", False),
        ("a.mp4", "mpeg4", False),
    ],
)
def test_what_does_not_play_becomes_h264_of_the_same_length(
    tmp_path: Path, name: str, codec: str, expected: bool
) -> None:
    path = film(tmp_path / name, codec)
    assert plays(path) == expected
    encode(path, tmp_path / "made.mp4")
    made = probe(tmp_path / "made.mp4")
    assert (made.codec, made.width, made.height) == ("h264", 96, 64) and plays(tmp_path / "made.mp4")
    assert made.duration == pytest.approx(3.0, abs=0.3)


@pytest.mark.parametrize(("codec", "expected"), [("aac", True), ("ac3", False)])
def test_sound_is_kept(tmp_path: Path, codec: str, expected: bool) -> None:
    path = with_sound(tmp_path / "a.mp4", codec)
    assert plays(path) == expected
    encode(path, tmp_path / "made.mp4")
    assert probe(tmp_path / "made.mp4").has_audio and plays(tmp_path / "made.mp4")
    with av.open(str(tmp_path / "made.mp4")) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert samples / 48_000 == pytest.approx(2.0, abs=0.1)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_rotated_videos_are_written_upright_with_the_sampled_pictures(tmp_path: Path, rotation: int) -> None:
    options = {"ticks": 9000, "cuts": (1000, 2000)}
    made = barcode.make(tmp_path / "a.mp4", barcode.steady(10, 3), "mpeg4", {"b": "2M"}, rotation=rotation, **options)
    assert not plays(made.path) and probe(made.path).rotation == rotation
    encode(made.path, tmp_path / "made.mp4")
    info = probe(tmp_path / "made.mp4")
    assert info.rotation == 0
    assert (info.width, info.height) == ((160, 120) if rotation % 180 == 0 else (120, 160))
    seen, played = sampled(made.path), sampled(tmp_path / "made.mp4")
    assert [barcode.read(np.rot90(image, -rotation // 90)) for image in played] == barcode.expected(made)
    assert len(seen) == len(played) == 3
    for one, other in zip(seen, played, strict=True):
        assert (
            np.abs(one.astype(int) - other.astype(int)).mean() < 4
        )  # encoded twice; a picture with a wrong rotation differs by more than 30
        assert np.abs(one.astype(int) - np.rot90(other, 2).astype(int)).mean() > 20


def sampled(path: Path) -> list[np.ndarray]:
    return [sample.image for sample in PyavSampler(path, Fraction(1), 448, 3600).samples()]


@pytest.mark.slow
def test_large_pictures_become_smaller(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", "mpeg4", width=1440, height=2560)
    encode(path, tmp_path / "made.mp4")
    made = probe(tmp_path / "made.mp4")
    assert (made.width, made.height) == (720, 1280)


def test_a_file_that_is_not_a_video_leaves_no_copy(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"<html>no video</html>" * 40)
    (tmp_path / "out").mkdir()
    with Sandbox() as sandbox, pytest.raises(PermanentError):
        make_playable(path, tmp_path / "out", sandbox, LIMITS)
    assert list((tmp_path / "out").iterdir()) == []
