"""Frame scores from plain HDF5, and the names by which files call videos."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from evaluation.cases import FullLength, Reference
from evaluation.readers.known_videos import KnownVideos
from evaluation.readers.scores import read_hdf5
from schemas.errors import ConfigError

FULL = FullLength(61, np.arange(0, 61, 15), np.array([[0, 60]]))
KNOWN = KnownVideos(
    [Reference("Jumps", 5, full=FULL, aliases=("video_12",)), Reference("v_abc", 3), Reference("xyz", 3)]
)


def test_a_video_is_found_by_every_name() -> None:
    found = {name: KNOWN.id_of(name) for name in ("Jumps", "video_12", "abc", "v_abc", "v_xyz", "other")}
    assert found == {
        "Jumps": "Jumps", "video_12": "Jumps", "abc": "v_abc", "v_abc": "v_abc", "v_xyz": "xyz", "other": "other",
    }  # fmt: skip
    both = KnownVideos(
        [Reference("v_a", 3), Reference("a", 3), Reference("b", 3, aliases=("k",)), Reference("c", 3, aliases=("k",))]
    )
    assert both.id_of("a") == "a" and both.id_of("v_a") == "v_a", "an id goes before the other's second name"
    assert both.find("k") is None, "a name of two videos is no name"


def test_scores_of_the_grid_and_of_the_whole_video(tmp_path: Path) -> None:
    scores = np.arange(61) / 61
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["video_12"] = scores
        file["abc/score"] = scores[None, :3]
        file["xyz/importance_scores"] = scores[:2]
        file["zzz"] = scores
    abc, jumps, xyz, other = read_hdf5(tmp_path / "a.h5", KNOWN).items
    np.testing.assert_array_equal(jumps.scores, scores[::15])
    np.testing.assert_array_equal(abc.scores, scores[:3])
    assert (jumps.id, abc.id) == ("Jumps", "v_abc")
    assert xyz.failure == "wrong_length: 2 scores for 3 frames" and (other.failure or "").startswith("unknown_video")


def test_a_summary_without_a_stored_f1_is_no_obstacle(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["Jumps/score"], file["Jumps/machine_summary"] = np.arange(5.0), np.zeros(61)
    assert read_hdf5(tmp_path / "a.h5", KNOWN).items[0].scores is not None


def test_what_is_no_file_of_scores(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["video_12/features"] = [1.0]
    (tmp_path / "b.h5").write_bytes(b"nothing")
    h5py.File(tmp_path / "e.h5", "w").close()
    for path in (tmp_path / "a.h5", tmp_path / "b.h5", tmp_path / "e.h5"):
        with pytest.raises(ConfigError, match=rf"{path.name}: no scores of frames"):
            read_hdf5(path, KNOWN)
    with h5py.File(tmp_path / "c.h5", "w") as file:
        file["Jumps"] = "text"
    assert (read_hdf5(tmp_path / "c.h5", KNOWN).items[0].failure or "").startswith("wrong_type")
