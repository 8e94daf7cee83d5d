"""The files of sampled frames: their names, the key of their folder, and their removal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.frames.files import frame_name, frames_key, keep_only, read_frame
from schemas.configuration.config import FrameConfig

CONFIG = FrameConfig(cross_check=0)


@given(st.integers(0, 10**7))
def test_frame_names_sort_in_order_of_time(index):
    assert frame_name(index) == f"{index:06d}.jpg"
    with pytest.raises(ValueError, match="frame index"):
        frame_name(-1 - index)


def test_the_key_depends_only_on_settings_that_change_pictures():
    base = frames_key("a" * 64, CONFIG)
    assert len(base) == 64
    free = {"keep": "all", "cross_check": 9, "max_frames": 7, "wall_seconds": 1.0, "memory_megabytes": 9.0}
    bound = {"fps": 2.0, "short_side": 64, "jpeg_quality": 50, "backend": "decord"}
    assert {frames_key("a" * 64, CONFIG.model_copy(update={k: v})) for k, v in free.items()} == {base}
    keys = {frames_key("a" * 64, CONFIG.model_copy(update={k: v})) for k, v in bound.items()}
    assert len(keys | {base, frames_key("b" * 64, CONFIG)}) == 6
    settled = free.keys() | bound.keys() | {"near_duplicates"}
    assert settled == set(FrameConfig.model_fields), "a new setting: does it change the pictures?"


def test_only_frames_are_removed(tmp_path):
    for name in (*map(frame_name, range(5)), "notes.txt", "x00001.jpg"):
        (tmp_path / name).write_bytes(name.encode())
    keep_only(tmp_path, [3, 1, 99])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["000001.jpg", "000003.jpg", "notes.txt", "x00001.jpg"]
    with pytest.raises(FileNotFoundError):
        read_frame(tmp_path, 0)
    keep_only(tmp_path / "nowhere", [1])
