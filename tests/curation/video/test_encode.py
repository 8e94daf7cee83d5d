"""Encoding: equal bytes for equal pictures, the right duration, and errors."""

import hashlib
import os
from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.video.encode import encode_video
from tests.curation import barcode

GRADIENT = [np.full((48, 64, 3), 5 * n, np.uint8) for n in range(12)]


def test_an_encoder_leaves_the_process_as_it_was(tmp_path):
    # Run by root, SVT-AV1 makes the process and its children real-time processes: two of them can block each other.
    before = os.sched_getscheduler(0), os.sched_getparam(0).sched_priority
    encode_video(tmp_path / "a.mkv", [np.zeros((64, 64, 3), np.uint8)] * 3, fps=10, codec="libsvtav1")
    barcode.make(tmp_path / "b.mkv", barcode.steady(30, 1), codec="libsvtav1", options={"preset": "12"})
    assert (os.sched_getscheduler(0), os.sched_getparam(0).sched_priority) == before


@settings(max_examples=15, deadline=None)
@given(
    count=st.integers(1, 12),
    fps=st.sampled_from([1, 10, 30, Fraction(30000, 1001)]),
    suffix=st.sampled_from([".mp4", ".mkv", ".mov"]),
)
def test_encoding_is_deterministic_and_has_the_right_duration(tmp_path_factory, count, fps, suffix):
    folder = tmp_path_factory.mktemp("encoded")
    hashes = set()
    for number in range(2):
        path = folder / f"{number}{suffix}"
        encode_video(path, iter(GRADIENT[:count]), fps=fps, options={"bf": "2", "qp": "24"})
        hashes.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(hashes) == 1
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == count
    assert [float(f.pts * f.time_base) for f in frames] == pytest.approx([n / fps for n in range(count)], abs=0.001)
    assert np.abs(frames[-1].to_ndarray(format="rgb24").astype(int) - GRADIENT[count - 1]).mean() < 6


def test_encoding_refuses_what_it_cannot_write(tmp_path):
    with pytest.raises(ValueError, match="no picture"):
        encode_video(tmp_path / "a.mp4", [], fps=1)
    with pytest.raises(ValueError, match="even"):
        encode_video(tmp_path / "a.mp4", [np.zeros((47, 64, 3), np.uint8)], fps=1)
    with pytest.raises(ValueError, match="expected uint8"):
        encode_video(tmp_path / "a.mp4", [GRADIENT[0], GRADIENT[0][:-2]], fps=1)
    with pytest.raises(ValueError, match="no encoder"):
        encode_video(tmp_path / "a.mp4", GRADIENT, fps=1, codec="h2645")
    with pytest.raises(OSError, match="No such file"):
        encode_video(tmp_path / "none" / "a.mp4", GRADIENT, fps=1)
