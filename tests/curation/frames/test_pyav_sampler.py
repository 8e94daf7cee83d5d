"""Every sampled picture shows by its barcode which frame it is; a plain form of the rule says which it should be."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.frames.decord_sampler import DecordSampler, decord_pictures
from curation.frames.defects import decord_trusted
from curation.frames.pyav_sampler import PyavSampler
from curation.frames.sampler import scaled_size
from schemas.errors import PermanentError
from tests.curation import barcode
from tests.places import needs_decord

HEVC = {"preset": "veryfast", "x265-params": "log-level=error:keyint=60:bframes=3:open-gop=0:pools=none"}
OPEN_HEVC = {"preset": "veryfast", "x265-params": "log-level=error:keyint=30:min-keyint=30:bframes=4:pools=none"}
OPEN_GOP = {"preset": "veryfast", "crf": "20", "bf": "3", "g": "40", "x264-params": "open-gop=1:scenecut=0"}
VP9 = {"deadline": "realtime", "cpu-used": "8", "g": "60", "crf": "20", "b": "0"}
AV1 = {"preset": "12", "crf": "25", "svtav1-params": "lp=1"}

CLIPS = {
    "h264": ("h264.mp4", 30, 4.2, {}),
    "h264-pyramid-mkv": (
        "pyramid.mkv",
        30,
        4,
        {"options": {"preset": "veryfast", "bf": "8", "g": "90"}},
    ),
    "h264-one-gop": (
        "onegop.mp4",
        30,
        5,
        {"options": {"preset": "veryfast", "g": "999"}},
    ),
    "h264-intra": ("intra.mp4", 10, 3, {"options": {"preset": "veryfast", "g": "1"}}),
    "h265": ("h265.mp4", 30, 4, {"codec": "libx265", "options": HEVC}),
    "h265-open": ("open265.mp4", 30, 4, {"codec": "libx265", "options": OPEN_HEVC}),
    "vp9": ("vp9.webm", 30, 3, {"codec": "libvpx-vp9", "options": VP9}),
    "av1": ("av1.mp4", 15, 3, {"codec": "libsvtav1", "options": AV1}),
    "vfr": ("vfr.mp4", None, 9, {}),
    "vfr-mkv": ("vfr.mkv", None, 9, {}),
    "open-gop": ("open.mp4", 30, 5, {"options": OPEN_GOP}),
    "open-gop-ts": ("open.ts", 30, 5, {"options": OPEN_GOP}),
    "29.97": ("ntsc.mp4", Fraction(30000, 1001), 4.1, {}),
    "29.97-mkv": ("ntsc.mkv", Fraction(30000, 1001), 4.1, {}),
    "60": ("sixty.mp4", 60, 3, {}),
    "ts": ("plain.ts", 30, 4, {}),
    "late": ("late.mp4", 30, 4, {"start": 7.5}),
    "late-ts": ("late.ts", 30, 4, {"start": 7.5}),
    "late-vfr-mkv": ("late.mkv", None, 5, {"start": 3.25}),
    "slow": ("slow.mp4", Fraction(1, 3), 12, {}),
    "fragmented": ("fragmented.mp4", 30, 4, {"mux": {"movflags": "frag_keyframe+empty_moov"}}),
    "mpeg4-avi": ("old.avi", 25, 3, {"codec": "mpeg4", "options": {"bf": "2", "g": "30"}, "ticks": 25}),
}


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """Makes the clip of a name in CLIPS, once."""
    folder, made = tmp_path_factory.mktemp("clips"), {}

    def get(name):
        if name not in made:
            file, fps, seconds, options = CLIPS[name]
            times = barcode.variable(seconds) if fps is None else barcode.steady(Fraction(fps), seconds)
            made[name] = barcode.make(folder / file, times, **options)
        return made[name]

    return get


def run(sampler):
    return list(sampler.samples()), sampler.findings


@pytest.mark.parametrize("fps", [1.0, 2.5])
@pytest.mark.parametrize("name", CLIPS)
def test_the_pictures_follow_the_rule(clip, name, fps):
    made = clip(name)
    samples, found = run(PyavSampler(made.path, Fraction(str(fps)), 448, 3600))
    wanted = barcode.expected(made, fps)
    read = [barcode.read(sample.image) for sample in samples]
    assert read[: len(wanted)] == wanted
    assert set(read[len(wanted) :]) <= {made.times[-1]}  # the last frame counts until its end
    assert [sample.index for sample in samples] == list(range(len(samples)))
    shifts = {round(sample.pts * 1000) - ms for sample, ms in zip(samples, read, strict=True)}
    assert max(shifts) - min(shifts) <= 1
    assert found.defects() == ()


@pytest.mark.parametrize("name", CLIPS)
def test_skipping_changes_no_picture_and_saves_work(clip, name):
    path = clip(name).path
    quick, spared = run(PyavSampler(path, Fraction(1), 448, 3600))
    slow, whole = run(PyavSampler(path, Fraction(1), 448, 3600, skip=False))
    assert [(s.index, s.pts) for s in quick] == [(s.index, s.pts) for s in slow]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(quick, slow, strict=True))
    if name in ("h264", "h265", "ts", "60", "29.97", "fragmented", "h264-pyramid-mkv"):
        assert spared.frames < 0.8 * whole.frames
    if name == "h264-intra":
        assert spared.frames < 0.2 * whole.frames  # every picture is a restart: only needed pictures are decoded


def test_open_groups_and_variable_rates_are_reported(clip):
    seen = {name: run(PyavSampler(clip(name).path, Fraction(1), 64, 99))[1] for name in CLIPS}
    assert {name for name, found in seen.items() if found.open_gop} == {
        "open-gop",
        "open-gop-ts",
        "h265-open",
        "mpeg4-avi",
    }
    assert {name for name, found in seen.items() if found.variable_rate} == {"vfr", "vfr-mkv", "late-vfr-mkv"}


@pytest.mark.parametrize("seconds", [0.02, 0.3, 0.999, 1.0, 1.001])
def test_the_last_frame_counts_until_its_own_end(tmp_path, seconds):
    fps = 10
    last = Fraction(str(seconds))
    times = [Fraction(0), last] if seconds > 0.1 else [Fraction(0)]
    made = barcode.make(tmp_path / "short.mp4", times)
    samples, found = run(PyavSampler(made.path, Fraction(fps), 448, 3600))
    wanted = barcode.expected(made, fps)
    assert [barcode.read(s.image) for s in samples][: len(wanted)] == wanted
    assert found.span >= made.times[-1] / 1000


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("backend", [PyavSampler, pytest.param(DecordSampler, marks=needs_decord)])
def test_pictures_are_upright(tmp_path, rotation, backend):
    path = barcode.make(tmp_path / "turned.mp4", barcode.steady(10, 0.5), rotation=rotation).path
    (sample,), found = run(backend(path, Fraction(1), 448, 3600))
    coded = np.rot90(sample.image, -rotation // 90)  # undo the rotation that a player would apply
    assert barcode.read(coded) == 0
    assert sample.image.shape == ((120, 160, 3) if rotation % 180 == 0 else (160, 120, 3))
    assert backend is DecordSampler or found.rotation == rotation


@needs_decord
@pytest.mark.parametrize("name", ["h264", "29.97-mkv", "vp9", "60"])
def test_decord_agrees_where_it_is_trusted(clip, name):
    path = clip(name).path
    ours, found = run(PyavSampler(path, Fraction(2), 90, 3600))
    theirs, _ = run(DecordSampler(path, Fraction(2), 90, 3600))
    assert decord_trusted(found.codec, found.container)
    assert [barcode.read(s.image) for s in theirs] == [barcode.read(s.image) for s in ours]
    assert [s.image.shape for s in theirs] == [s.image.shape for s in ours]
    pictures = decord_pictures(path, [s.pts for s in ours])
    assert [barcode.read(p) for p in pictures] == [barcode.read(s.image) for s in ours]
    assert decord_pictures(path, [1234.5]) == [None]


@pytest.mark.parametrize(
    ("codec", "container"), [("hevc", "mov,mp4"), ("h264", "mpegts"), ("av1", "mov,mp4"), ("", "")]
)
def test_decord_is_not_trusted_elsewhere(codec, container):
    assert not decord_trusted(codec, container)


@pytest.mark.parametrize("backend", [PyavSampler, pytest.param(DecordSampler, marks=needs_decord)])
def test_more_frames_than_allowed_are_refused(clip, backend):
    path = clip("h264").path
    assert len(run(backend(path, Fraction(1), 64, 5))[0]) == 5
    with pytest.raises(PermanentError) as caught:
        run(backend(path, Fraction(1), 64, 3))
    assert caught.value.reason == "too_long"


@given(st.integers(1, 5000), st.integers(1, 5000), st.integers(32, 2000), st.fractions("1/4", 4))
def test_sizes_are_even_never_larger_and_keep_the_shape(width, height, side, shape):
    wide, high = scaled_size(width, height, side, shape)
    assert wide % 2 == high % 2 == 0
    assert wide <= max(width, 2)
    assert high <= max(height, 2)
    assert min(wide, high) <= max(side, 2)
    if min(wide, high) > 50:
        assert wide / high == pytest.approx(width * shape / height, rel=0.05)
