from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from evaluation.readers.published_results import read_all_results, read_names
from evaluation.readers.tvsum import read_summaries, read_tvsum
from schemas.errors import ConfigError
from tests.places import GROUNDTRUTH

real = pytest.mark.skipif(not GROUNDTRUTH.is_dir(), reason="../shared/groundtruth is not there")


def matlab(path: Path, videos: dict[str, np.ndarray], title: str = "Ünïcode \U0001f600", seconds: float = 2.0) -> Path:
    """Write an array of structures like MATLAB 7.3: columns of references, texts in UTF-16, transposed matrices."""
    with h5py.File(path, "w") as file:
        columns: dict[str, list[h5py.Reference]] = {}
        for i, (name, ratings) in enumerate(videos.items()):
            texts = {"video": name, "title": title}
            cells: dict[str, np.ndarray] = {
                key: np.frombuffer(text.encode("utf-16-le"), np.uint16)[:, None] for key, text in texts.items()
            }
            cells |= {"length": np.array([[seconds]]), "user_anno": ratings}
            for key, value in cells.items():
                file[f"#refs#/{key}{i}"] = value
                columns.setdefault(key, []).append(file[f"#refs#/{key}{i}"].ref)
        for key, column in columns.items():
            table = file.create_dataset(f"tvsum50/{key}", (len(column), 1), h5py.ref_dtype)
            table[:, 0] = column
    return path


def test_ratings_on_the_grid(tmp_path: Path) -> None:
    ratings = np.random.default_rng(0).integers(1, 6, (20, 61)).astype(float)
    path = matlab(tmp_path / "t.mat", {"AwmHb44_ouw": ratings, "98MoyGZKHXc": ratings[:, :31]})
    shots, summaries = np.array([[0, 30], [31, 60]]), ratings > 3
    first, second = read_tvsum(path, shots={"AwmHb44_ouw": shots}, summaries={"AwmHb44_ouw": summaries})
    assert (first.id, second.id, first.frames, second.frames) == ("AwmHb44_ouw", "98MoyGZKHXc", 5, 3)
    assert first.title == "Ünïcode \U0001f600" and first.fps == pytest.approx(61 / 2 / 15)
    assert first.scores is not None and first.full is not None and second.full is not None
    np.testing.assert_array_equal(first.scores, ratings[:, ::15])
    np.testing.assert_array_equal(first.full.selections, summaries)
    assert first.full.shots is shots and second.full.selections is None and second.full.shots.shape == (0, 2)


@pytest.mark.parametrize("ratings", [np.zeros((20, 0)), np.full((2, 30), np.nan)])
def test_bad_ratings_are_named(tmp_path: Path, ratings: np.ndarray) -> None:
    with pytest.raises(ConfigError, match=r"t\.mat.*abc: ratings"):
        read_tvsum(matlab(tmp_path / "t.mat", {"abc": ratings}))


def test_broken_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "t.mat"
    for content in (b"", b"x" * 5000):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=r"t\.mat"):
            read_tvsum(path)
    with h5py.File(path, "w") as file:
        file["other"] = 1
    with pytest.raises(ConfigError, match="yalesong/tvsum"):
        read_tvsum(path)
    with pytest.raises(ConfigError, match="summaries of 5 frames"):
        read_tvsum(matlab(path, {"v": np.ones((2, 30))}), summaries={"v": np.ones((2, 5), bool)})


@pytest.mark.parametrize(
    "text", ["", "[]", '{"user_summary": [[0, 2]]}', '{"user_summary": [1]}', '{"user_summary": [["a"]]}']
)
def test_bad_summaries(tmp_path: Path, text: str) -> None:
    path = tmp_path / "s.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"s\.json"):
        read_summaries(path)
    path.write_text(json.dumps({"user_summary": [[0, 1], [1, 1]]}))
    assert read_summaries(path).tolist() == [[False, True], [True, True]]


@real
@pytest.mark.groundtruth
def test_the_real_file_agrees_with_what_others_made_of_it() -> None:
    folder = GROUNDTRUTH / "tvsum"
    references = {r.id: r for r in read_tvsum(folder / "ydata-tvsum50.mat")}
    assert len(references) == 50 and {r.scores.shape[0] for r in references.values() if r.scores is not None} == {20}
    names = read_names(folder / "video_names.json")
    assert set(names.values()) == references.keys()
    published = read_all_results(sorted(folder.glob("sumind_results/*.h5")), names)
    for name, row in published.items():
        reference = references[name]
        assert reference.full is not None and row.summary.size == reference.full.frames
        assert row.prediction.scores is not None and row.prediction.scores.size == reference.frames
    for path in folder.glob("dsnet_labels/*.json"):
        full = references[path.stem].full
        assert full is not None and read_summaries(path).shape == (20, full.frames)
    with h5py.File(next(iter(sorted(folder.glob("sumind_results/*.h5"))))) as file:
        for key, group in file.items():
            ours = references[names[key]].scores
            assert ours is not None
            np.testing.assert_allclose(group["gtscore"][...], (ours.mean(axis=0) - 1) / 4, atol=1e-6)
