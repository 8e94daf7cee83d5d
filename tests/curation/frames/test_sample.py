"""The frames stage in real child processes, with intact, damaged and hostile files."""

import hashlib
import io
import random
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from curation.frames import sample as stage
from curation.frames.files import frame_name, read_frame
from curation.frames.pyav_sampler import PyavSampler
from curation.frames.sample import sample_frames
from curation.video.encode import encode_video
from curation.video.probe import probe, probe_safely
from curation.video.sandbox import Limits, Sandbox
from schemas.configuration.config import FrameConfig, NearDuplicateConfig
from schemas.errors import PermanentError, PoisonError
from schemas.records import FrameSet, Publication, Video
from tests.curation import barcode, hostile
from tests.places import VIDEOS, needs_decord

REAL = VIDEOS
CONFIG = FrameConfig(cross_check=0)
FASTSTART = {"movflags": "+faststart"}


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as made:
        yield made


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A clip of twelve seconds with three shots; its index is before the pictures."""
    path = tmp_path_factory.mktemp("whole") / "whole.mp4"
    return barcode.make(path, barcode.steady(30, 12), cuts=(5000, 8000), mux=FASTSTART)


def video(path):
    return Video(
        id="clip",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        bytes=path.stat().st_size,
        extension=path.suffix[1:],
        container="mp4",
        codec="h264",
        duration=None,
        fps=None,
        width=160,
        height=120,
        rotation=0,
        has_audio=False,
        publication=Publication(),
    )


def run(path, out, sandbox, config=CONFIG):
    out.mkdir(exist_ok=True)
    return sample_frames(video(path), path, config, out, sandbox)


def pictures(out, record):
    return [barcode.read(np.asarray(Image.open(io.BytesIO(read_frame(out, f.index))))) for f in record.frames]


@needs_decord
@pytest.mark.slow
def test_an_intact_file_is_described_in_full(whole, tmp_path, sandbox):
    record = run(whole.path, tmp_path / "a", sandbox, FrameConfig(cross_check=4))
    assert pictures(tmp_path / "a", record) == barcode.expected(whole)
    assert [frame.time for frame in record.frames] == list(range(12))
    assert (record.width, record.height, record.backend, record.defects) == (160, 120, "pyav", ())
    assert record.shots == ((0, 4), (5, 7), (8, 11))
    assert [frame.shot for frame in record.frames] == [0] * 5 + [1] * 3 + [2] * 4
    for frame in record.frames:
        assert hashlib.sha256(read_frame(tmp_path / "a", frame.index)).hexdigest() == frame.sha256
        if frame.same_as is not None:
            assert frame.same_as < frame.index
            assert record.frames[frame.same_as].same_as is None
            assert record.frames[frame.same_as].shot == frame.shot
    assert record.cross_check.compared == record.cross_check.agreed == 4
    again = run(whole.path, tmp_path / "b", sandbox, FrameConfig(cross_check=4))
    assert again == record
    assert FrameSet.model_validate_json(record.canonical()) == record


@needs_decord
@pytest.mark.slow
def test_the_decord_backend_gives_the_same_pictures(whole, tmp_path, sandbox):
    record = run(whole.path, tmp_path / "a", sandbox, FrameConfig(backend="decord"))
    assert record.backend == "decord"
    assert pictures(tmp_path / "a", record) == barcode.expected(whole)
    assert record.cross_check.note == "skipped: decord is the sampling backend"


@needs_decord
def test_decord_is_replaced_where_it_would_be_wrong(tmp_path, sandbox):
    made = barcode.make(tmp_path / "a.ts", barcode.steady(30, 3))
    record = run(made.path, tmp_path / "a", sandbox, FrameConfig(backend="decord"))
    assert record.backend == "pyav"
    assert pictures(tmp_path / "a", record) == barcode.expected(made)
    assert record.cross_check.note == "skipped: decord is not reliable on h264 in mpegts"


@needs_decord
def test_the_cross_check_detects_other_pictures(whole, tmp_path, sandbox, monkeypatch):
    draw = stage.draw_frames

    def shifted(path, config, out, limits):
        """Simulates wrong pictures: every file holds the picture of another shot."""
        drawing = draw(path, config, out)
        files = [read_frame(out, index) for index in range(len(drawing.frames))]
        for index, data in enumerate(files):
            (out / frame_name((index + 6) % len(files))).write_bytes(data)
        return drawing

    class Shifted:
        def run(self, function, *args, limits):
            return shifted(*args, limits) if function is draw else sandbox.run(function, *args, limits=limits)

    record = run(whole.path, tmp_path / "a", Shifted(), FrameConfig(cross_check=3))
    assert record.cross_check.compared == 3
    assert record.cross_check.agreed == 0
    assert record.defects[0].startswith("cross_check: 3 of 3 pictures differ")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_truncated_file_gives_its_remaining_frames(tmp_path, sandbox, suffix):
    made = barcode.make(tmp_path / f"a{suffix}", barcode.steady(30, 8), mux=FASTSTART if suffix == ".mp4" else {})
    data = made.path.read_bytes()
    made.path.write_bytes(data[: int(len(data) * 0.55)])
    record = run(made.path, tmp_path / "a", sandbox)
    assert 2 <= len(record.frames) <= 6
    assert pictures(tmp_path / "a", record) == barcode.expected(made)[: len(record.frames)]
    told = next(defect for defect in record.defects if defect.startswith("truncated: decoded "))
    assert told.endswith("of 8.0 s")


def test_a_corrupt_middle_loses_only_its_frames(whole, tmp_path, sandbox):
    data = bytearray(whole.path.read_bytes())
    start = data.index(b"mdat")
    first, last = start + int((len(data) - start) * 0.45), start + int((len(data) - start) * 0.52)
    data[first:last] = random.Random(1).randbytes(last - first)
    path = tmp_path / "corrupt.mp4"
    path.write_bytes(data)
    record = run(path, tmp_path / "a", sandbox)
    assert len(record.frames) == 12
    right = sum(a == b for a, b in zip(pictures(tmp_path / "a", record), barcode.expected(whole), strict=True))
    assert right >= 8
    assert any(defect.startswith(("packet_errors", "corrupt_frames")) for defect in record.defects)


@pytest.mark.parametrize("seed", range(3))
def test_flipped_bits_are_reported(whole, tmp_path, sandbox, seed):
    data, dice = bytearray(whole.path.read_bytes()), random.Random(seed)
    start = data.index(b"mdat") + 1000
    for _ in range(40):
        data[dice.randrange(start, len(data))] ^= 1 << dice.randrange(8)
    path = tmp_path / "rotten.mp4"
    path.write_bytes(data)
    record = run(path, tmp_path / "a", sandbox)
    assert record.defects
    assert record.frames[0].index == 0
    assert all(":" in defect for defect in record.defects)


@needs_decord
def test_damaged_files_are_not_cross_checked(whole, tmp_path, sandbox):
    path = tmp_path / "a.mp4"
    path.write_bytes(whole.path.read_bytes()[: whole.path.stat().st_size // 2])
    assert run(path, tmp_path / "a", sandbox, FrameConfig()).cross_check.note == "skipped: damaged file"


def test_files_without_frames_have_a_reason(tmp_path, sandbox):
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "page.mp4").write_text("<html><body>Sign in to confirm</body></html>" * 99)
    barcode.make_sound(tmp_path / "sound.mp4", 1)
    for name, reason in {"empty": "empty_file", "page": "not_a_video", "sound": "no_video_stream"}.items():
        with pytest.raises(PermanentError) as caught:
            run(tmp_path / f"{name}.mp4", tmp_path / "out", sandbox)
        assert caught.value.reason == reason
        assert not list((tmp_path / "out").iterdir())


def test_a_file_without_decodable_frames_has_a_reason(tmp_path, sandbox):
    path = barcode.make(tmp_path / "a.mp4", barcode.steady(10, 1), mux=FASTSTART).path
    data = path.read_bytes()
    start = data.index(b"mdat") + 4
    path.write_bytes(data[:start] + bytes(len(data) - start))
    with pytest.raises(PermanentError) as caught:
        run(path, tmp_path / "a", sandbox)
    assert caught.value.reason == "no_frames"


def test_a_single_frame_is_a_video(tmp_path, sandbox):
    encode_video(tmp_path / "one.mp4", [np.zeros((64, 64, 3), np.uint8)], fps=30)
    record = run(tmp_path / "one.mp4", tmp_path / "a", sandbox)
    assert len(record.frames) == 1
    assert record.shots == ((0, 0),)


def test_limits_of_the_configuration_hold(whole, tmp_path, sandbox):
    # test_sandbox.py tests the wall limit with a child that never ends: decoding may be quicker than any limit.
    with pytest.raises(PermanentError, match="too_long"):
        run(whole.path, tmp_path / "a", sandbox, FrameConfig(max_frames=5))
    with Sandbox() as fresh, pytest.raises(PoisonError) as caught:
        run(whole.path, tmp_path / "a", fresh, FrameConfig(memory_megabytes=1))
    assert caught.value.reason in ("memory", "crashed")


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_a_used_child_without_memory_reports_the_limit_and_not_the_file(tmp_path, codec):
    """H.264's decoder reports a failed allocation as invalid data; MPEG-4's decoder reports it correctly."""
    noise = np.random.default_rng(0).integers(0, 255, (90, 160, 3), np.uint8).repeat(8, 0).repeat(8, 1)
    path, out = tmp_path / "large.mp4", tmp_path / "out"
    encode_video(path, [np.roll(noise, 8 * shift, 1) for shift in range(20)], fps=10, codec=codec)
    out.mkdir()
    reasons = []
    with Sandbox() as warm:
        for spare in (0, 1, 2, 4, 8, 16, 32, 64):
            intact = sample_frames(video(path), path, CONFIG, out, warm)  # a child that ran out of memory was replaced
            assert not intact.defects
            # Memory that the last call freed may serve the next call, so the limit starts from the memory in use now.
            limit = warm.run(hostile.address_space, limits=Limits(60)) + spare
            try:
                short = sample_frames(
                    video(path), path, CONFIG.model_copy(update={"memory_megabytes": limit}), out, warm
                )
            except PoisonError as error:
                reasons.append(error.reason)
            else:
                assert short == intact
    assert set(reasons) == {"memory"}


@pytest.mark.parametrize("spare", [0, 4, 10])
def test_probing_in_a_used_child_without_memory_reports_the_limit(whole, spare):
    with Sandbox() as warm:
        for _ in range(3):
            known = probe_safely(whole.path, warm)  # a child that ran out of memory was replaced
            limit = warm.run(hostile.address_space, limits=Limits(60)) + spare
            try:
                assert probe_safely(whole.path, warm, Limits(60, limit)) == known
            except PoisonError as error:
                assert error.reason == "memory"


def test_damage_is_reported_as_damage_in_a_child_with_enough_memory(whole, tmp_path, sandbox):
    path = tmp_path / "cut.mp4"
    path.write_bytes(whole.path.read_bytes()[: whole.path.stat().st_size // 2])
    assert run(path, tmp_path / "a", sandbox).defects


def test_a_still_picture_repeats_but_never_across_a_cut(tmp_path, sandbox):
    dark, light = np.full((64, 64, 3), 40, np.uint8), np.full((64, 64, 3), 200, np.uint8)
    encode_video(tmp_path / "still.mp4", [dark] * 30 + [light] * 30 + [dark] * 20, fps=10)
    record = run(tmp_path / "still.mp4", tmp_path / "a", sandbox)
    assert [frame.same_as for frame in record.frames] == [None, 0, 0, None, 3, 3, None, 6]
    assert [frame.picture for frame in record.frames] == [None, 0, 0, None, 3, 3, 0, 0]  # the same picture as before
    off = CONFIG.model_copy(update={"near_duplicates": NearDuplicateConfig(mode="disable")})
    assert {frame.same_as for frame in run(tmp_path / "still.mp4", tmp_path / "b", sandbox, off).frames} == {None}


@needs_decord
def test_pictures_are_scaled_down_only(tmp_path, sandbox):
    made = barcode.make(tmp_path / "a.mp4", barcode.steady(10, 2), size=(320, 180), rotation=90)
    record = run(made.path, tmp_path / "a", sandbox, FrameConfig(short_side=90, cross_check=2))
    assert (record.width, record.height) == (90, 160)
    assert record.cross_check.agreed == 2
    assert Image.open(io.BytesIO(read_frame(tmp_path / "a", 0))).size == (90, 160)


def real(name):
    if not (REAL / name).exists():
        pytest.skip(f"the real video {name} is not at hand")
    return REAL / name


@needs_decord
@pytest.mark.groundtruth
def test_real_rotated_videos_are_upright(tmp_path, sandbox):
    """decord rotates by its own code: it agrees on all four, and disagrees when the pictures are rotated back."""
    for turn in (0, 90, 180, 270):
        path, out = real(f"decord_video_{turn}.mov"), tmp_path / str(turn)
        record = run(path, out, sandbox, FrameConfig(cross_check=1))
        assert record.cross_check.agreed == 1
        assert (record.width < record.height) == (turn in (90, 270))
        assert (probe(path).width, probe(path).height) == (record.width, record.height)
        if turn:
            Image.open(io.BytesIO(read_frame(out, 0))).rotate(180).save(out / frame_name(0))
            assert stage._compare(path, [(out / frame_name(0), record.frames[0].pts)])[0] > stage.AGREEMENT


@needs_decord
@pytest.mark.groundtruth
@pytest.mark.parametrize("name", ["psd_counter.mp4", "decord_flipping_a_pancake.mkv"])
def test_real_videos_agree_with_a_plain_decode_and_with_decord(tmp_path, sandbox, name):
    path = real(name)
    record = run(path, tmp_path / "a", sandbox, FrameConfig(cross_check=3))
    assert record.defects == ()
    assert record.cross_check.agreed == record.cross_check.compared == 3
    plain = PyavSampler(path, Fraction(1), 448, 99, skip=False)
    for frame, sample in zip(record.frames, plain.samples(), strict=True):
        buffer = io.BytesIO()
        Image.fromarray(sample.image).save(buffer, "JPEG", quality=90)
        assert buffer.getvalue() == read_frame(tmp_path / "a", frame.index)
        assert frame.pts == sample.pts
        assert 0 <= frame.index - frame.pts < 1.0


def test_noise_changes_no_picture_and_a_thing_that_moves_or_grows_does(tmp_path, sandbox):
    generator = np.random.default_rng(3)

    def drawn(left: int, side: int) -> np.ndarray:
        image = np.full((128, 192, 3), 110, np.uint8)
        image[40 : 40 + side, left : left + side] = (30, 60, 160)
        return np.clip(image + generator.normal(0, 3, image.shape), 0, 255).astype(np.uint8)

    scenes = [(20, 32)] * 4 + [(50, 32), (80, 32), (110, 32)] + [(110, 56)] * 2 + [(20, 32)] * 2
    encode_video(tmp_path / "v.mp4", [drawn(*scene) for scene in scenes for _ in range(10)], fps=10)
    record = run(tmp_path / "v.mp4", tmp_path / "a", sandbox)
    assert [frame.picture for frame in record.frames] == [None, 0, 0, 0, None, None, None, None, 7, 0, 0]
