"""Sound of video files: the right samples at the right times, and a reason for everything else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from curation.video.encode import encode_video
from curation.video.sandbox import Limits, Sandbox
from curation.video.sound import STEP, NoSound, Sound, read_sound, write_sound
from schemas.errors import NotStored
from tests.curation.sounding import RATE, Track, film, heard_words, spoken

LONG = 100.0


def samples(sound: Sound) -> np.ndarray:
    return np.frombuffer(sound.piece(0, sound.seconds), "<i2").astype(np.float32) / 2**15


def words(sound: Sound) -> list[tuple[float, float, str]]:
    return [(round(a, 1), round(b, 1), word) for a, b, word in heard_words(samples(sound))]


TALK = spoken(1.0, ("kite", 1.0), 1.0, ("drum", 0.5), 0.5)
TIMES = [(1.0, 2.0, "kite"), (3.0, 3.5, "drum")]


@pytest.mark.parametrize(("suffix", "codec"), [(".mkv", "pcm_s16le"), (".mp4", "aac")])
def test_the_samples_are_those_of_the_file_at_their_times(tmp_path: Path, suffix: str, codec: str) -> None:
    sound = write_sound(film(tmp_path / f"a{suffix}", Track(TALK), codec=codec), tmp_path / "out", None, LONG)
    assert sound.seconds == pytest.approx(4.0, abs=0.1) and sound.notes == ()
    found = words(sound)
    assert [word for _, _, word in found] == ["kite", "drum"]
    assert [t for a, b, _ in found for t in (a, b)] == pytest.approx([1, 2, 3, 3.5], abs=0.11)
    if codec == "pcm_s16le":
        assert np.array_equal(np.frombuffer(sound.piece(0, 4), "<i2"), TALK)


@pytest.mark.parametrize(("sound_start", "picture_start", "shift"), [(0.0, 0.0, 0.0), (2.0, 0.0, 2.0), (3.0, 2.5, 0.5)])
def test_second_0_is_the_first_picture(tmp_path: Path, sound_start: float, picture_start: float, shift: float) -> None:
    path = film(tmp_path / "a.mkv", Track(TALK, start=sound_start), start=picture_start)
    found = words(write_sound(path, tmp_path / "out", None, LONG))
    assert found == [(round(a + shift, 1), round(b + shift, 1), word) for a, b, word in TIMES]


def test_sound_before_the_first_picture_is_left_out(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", Track(TALK), start=2.5)
    sound = write_sound(path, tmp_path / "out", None, LONG)
    assert words(sound) == [(0.5, 1.0, "drum")] and sound.seconds == pytest.approx(1.5, abs=0.01)


def test_the_levels_are_the_root_mean_squares(tmp_path: Path) -> None:
    sound = write_sound(film(tmp_path / "a.mkv", Track(TALK)), tmp_path / "out", None, LONG)
    whole = samples(sound)[: len(sound.levels) * round(STEP * RATE)].reshape(-1, round(STEP * RATE))
    expected = 10 * np.log10(np.maximum(np.mean(whole.astype(np.float64) ** 2, axis=1), 1e-10))
    assert np.allclose(sound.levels, expected, atol=0.01) and sound.levels.dtype == np.float32
    assert len(sound.levels) == 200


def test_a_long_sound_is_cut_and_the_rest_said(tmp_path: Path) -> None:
    sound = write_sound(film(tmp_path / "a.mkv", Track(TALK)), tmp_path / "out", None, 2.5)
    assert sound.seconds == 2.5 and sound.notes == ("sound after 2.5 s is left out",)
    assert (tmp_path / "out").stat().st_size == 2.5 * RATE * 2


KITE, LAMP, DRUM = (spoken(0.5, (word, 1.0), 0.5) for word in ("kite", "lamp", "drum"))


@pytest.mark.parametrize(
    ("tracks", "language", "heard"),
    [
        ([Track(KITE, "eng", False), Track(LAMP, "ger", True)], None, "lamp"),
        ([Track(KITE, "eng", False), Track(LAMP, "ger", True)], "en-US", "kite"),
        ([Track(KITE, "eng", False), Track(LAMP, "ger", False)], "de", "lamp"),
        ([Track(KITE, None, False), Track(LAMP, "eng", False), Track(DRUM, "fre", False)], "fr", "drum"),
        ([Track(KITE, None, False), Track(LAMP, "eng", False)], "xx", "kite"),
    ],
)
def test_of_several_tracks_the_language_of_the_video_is_heard_then_the_default(
    tmp_path: Path, tracks: list[Track], language: str | None, heard: str
) -> None:
    sound = write_sound(film(tmp_path / "a.mkv", *tracks), tmp_path / "out", language, LONG)
    assert [word for _, _, word in words(sound)] == [heard]
    assert len(sound.notes) == 1 and f"of {len(tracks)}" in sound.notes[0]


def test_a_gap_is_silence(tmp_path: Path) -> None:
    import av

    whole = film(tmp_path / "a.mkv", Track(spoken(("kite", 3.0))))
    with av.open(str(whole)) as source, av.open(str(tmp_path / "b.mkv"), "w") as target:
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is None or (
                packet.stream.type == "audio" and 1.0 < float(packet.pts * packet.time_base) < 2.0
            ):
                continue
            packet.stream = streams[packet.stream.index]
            target.mux(packet)
    found = words(write_sound(tmp_path / "b.mkv", tmp_path / "out", None, LONG))
    assert [word for _, _, word in found] == ["kite", "kite"]
    assert found[0][1] == pytest.approx(1.0, abs=0.11) and found[1][0] == pytest.approx(2.0, abs=0.11)


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(1) as one:
        yield one


def read(path: Path, tmp_path: Path, sandbox: Sandbox) -> Sound | NoSound:
    return read_sound(path, tmp_path / "out", sandbox, Limits(60), language=None, most=LONG)


def test_a_file_without_sound_and_one_that_is_none_give_a_reason(tmp_path: Path, sandbox: Sandbox) -> None:
    encode_video(tmp_path / "mute.mp4", [np.zeros((48, 64, 3), np.uint8)] * 5, fps=5)
    assert read(tmp_path / "mute.mp4", tmp_path, sandbox) == NoSound("no_sound", "the file has no sound")
    (tmp_path / "page.mp4").write_text("<!doctype html>")
    found = read(tmp_path / "page.mp4", tmp_path, sandbox)
    assert isinstance(found, NoSound) and found.reason == "unreadable_sound"
    with pytest.raises(NotStored):
        read(tmp_path / "gone.mp4", tmp_path, sandbox)


@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_file_gives_what_can_be_heard_or_a_reason(tmp_path: Path, sandbox: Sandbox, seed: int) -> None:
    rng = np.random.default_rng(seed)
    path = film(tmp_path / "a.mp4", Track(np.tile(TALK, 4)), codec="aac", seconds=16)
    data = bytearray(path.read_bytes())
    for place in rng.integers(len(data) // 20, len(data), 200):
        data[place] = int(rng.integers(256))
    path.write_bytes(data[: len(data) - int(rng.integers(len(data) // 3))])
    found = read(path, tmp_path, sandbox)
    if isinstance(found, NoSound):
        assert found.reason in ("unreadable_sound", "no_sound") and str(tmp_path) not in found.evidence
    else:
        assert 0 < found.seconds <= LONG and len(found.levels) == -(-round(found.seconds * RATE) // round(STEP * RATE))


def test_a_child_that_dies_is_a_reason(tmp_path: Path, sandbox: Sandbox) -> None:
    path = film(tmp_path / "a.mkv", Track(TALK))
    found = read_sound(path, tmp_path / "out", sandbox, Limits(60, 1), language=None, most=LONG)
    assert isinstance(found, NoSound) and found.reason == "unreadable_sound" and "memory" in found.evidence
