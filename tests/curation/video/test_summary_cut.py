"""Films of chosen passages: the right pictures at the right times, sound in step, text as subtitles and chapters."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.video.encode import encode_video
from curation.video.summary_cut import Passage, cut_summary
from schemas.errors import PermanentError

FPS = 8
PICTURES = 24  # three seconds; picture k has the brightness 10 k


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    encode_video(path, (np.full((48, 64, 3), 10 * k, np.uint8) for k in range(PICTURES)), fps=FPS, options={"qp": "4"})
    return path


def shown(path: Path) -> list[tuple[float, int]]:
    """The time of every picture, and the number of the picture of `film` that it shows."""
    with av.open(str(path)) as container:
        return [
            (round(float(frame.time or 0.0), 3), round(float(frame.to_ndarray(format="rgb24").mean()) / 10))
            for frame in container.decode(video=0)
        ]


def expected(passages: list[Passage]) -> list[tuple[float, int]]:
    """By definition: each picture that a passage shows, at the time when it is first seen."""
    found, at = [], 0.0
    for start, end, _ in passages:
        for number in range(PICTURES):
            first, last = max(start, number / FPS), min(end, (number + 1) / FPS)
            if first < last:
                found.append((round(at + first - start, 3), number))
        at += end - start
    return found


@given(st.lists(st.integers(0, PICTURES * 2), min_size=2, max_size=6, unique=True).map(sorted))
def test_every_passage_shows_its_own_pictures(
    film: Path, tmp_path_factory: pytest.TempPathFactory, ends: list[int]
) -> None:
    ends = ends[: len(ends) // 2 * 2]
    # Halves of a picture's time, so that passages begin and end in the middle of a picture too.
    passages = [Passage(a / FPS / 2, b / FPS / 2) for a, b in zip(ends[::2], ends[1::2], strict=True)]
    out = tmp_path_factory.mktemp("cut") / "cut.mp4"
    assert cut_summary(film, out, passages) == pytest.approx(sum(p.end - p.start for p in passages), abs=1.001)
    assert shown(out) == expected(passages)


def test_text_is_a_subtitle_and_a_chapter(film: Path, tmp_path: Path) -> None:
    out = tmp_path / "cut.mp4"
    cut_summary(film, out, [Passage(0, 1, "First {\\b1}one."), Passage(1.5, 2), Passage(2, 2.5, "Three\x00\nlines.")])
    with av.open(str(out)) as container:
        titles = [(item["metadata"]["title"], item["start"] / 1000) for item in container.chapters()]
        texts = [
            (float(packet.pts * packet.time_base), bytes(packet)[2:].decode())
            for packet in container.demux(container.streams.subtitles[0])
            if packet.pts is not None and packet.size > 2
        ]
        assert container.streams.video[0].codec_context.name == "h264"
    assert [title for title, _ in titles] == ["First {\\b1}one.", "Three lines."]
    assert [start for _, start in titles] == [0.0, 1.5]
    # Braces and backslashes are commands in subtitles.
    assert texts == [(0.0, "First (/b1)one."), (1.5, "Three lines.")]


def test_sound_keeps_step_with_the_pictures(tmp_path: Path) -> None:
    path, out = tmp_path / "tone.mp4", tmp_path / "cut.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=Fraction(FPS))
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("aac", rate=48_000, layout="mono")
        for k in range(PICTURES):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 10 * k, np.uint8), format="rgb24")
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        # Silence, and a tone in the second from 1 to 2.
        tone = np.zeros((1, 3 * 48_000), np.float32)
        tone[0, 48_000:96_000] = np.sin(np.arange(48_000) / 20) / 2
        frame = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        frame.sample_rate = 48_000
        container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    cut_summary(path, out, [Passage(0.5, 1.5), Passage(1.75, 2.5)])
    with av.open(str(out)) as container:
        heard = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)[0]
    loud = np.abs(heard.reshape(-1)[: heard.size // 2400 * 2400].reshape(-1, 2400)).max(axis=1) > 0.1  # by 50 ms
    assert heard.size / 48_000 == pytest.approx(1.75, abs=0.06)
    assert not loud[:8].any() and loud[11:24].all() and not loud[27:].any()


@pytest.mark.parametrize("passages", [[], [Passage(1, 1)], [Passage(0, 2), Passage(1, 3)], [Passage(-1, 1)]])
def test_passages_out_of_order_are_refused(film: Path, tmp_path: Path, passages: list[Passage]) -> None:
    with pytest.raises(ValueError, match="passage"):
        cut_summary(film, tmp_path / "cut.mp4", passages)


def test_a_passage_after_the_end_shows_nothing(film: Path, tmp_path: Path) -> None:
    with pytest.raises(PermanentError) as caught:
        cut_summary(film, tmp_path / "cut.mp4", [Passage(60, 61)])
    assert caught.value.reason == "no_frames"
