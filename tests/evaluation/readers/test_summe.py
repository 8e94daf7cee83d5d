from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from curation.video.sandbox import Sandbox
from evaluation.metrics.overlap import over_annotators, overlap
from evaluation.metrics.video import evaluate_videos
from evaluation.protocols import get
from evaluation.readers.published_results import read_all_results, read_names, read_results, read_shots_of
from evaluation.readers.summe import read_annotations, read_shots, read_summe
from evaluation.readers.tvsum import read_summaries
from schemas.errors import ConfigError
from tests.places import GROUNDTRUTH

# Places and values: one byte that makes SciPy's reader write beside its memory.
CRASHING = ((192, 255), (145, 14))
real = pytest.mark.skipif(not GROUNDTRUTH.is_dir(), reason="../shared/groundtruth is not there")


def annotation(path: Path, segments: np.ndarray, fps: float = 30.0, **other: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"user_score": segments.T, "nFrames": segments.shape[1], "FPS": fps, **other})


def results(path: Path, videos: dict[str, dict[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, arrays in videos.items():
            for key, value in arrays.items():
                file[f"{name}/{key}"] = value
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name, frames in (("Bike Polo", 100), ("Jumps", 61)):
        annotation(tmp_path / "GT" / f"{name}.mat", rng.integers(0, 4, (3, frames)).astype(np.uint8))
    (tmp_path / "video_names.json").write_text(json.dumps({"Bike Polo": "video_4", "Jumps": "video_12"}))
    return tmp_path


def csnet(frames: int, lengths: list[int], scores: np.ndarray | None = None) -> dict[str, object]:
    return {
        "importance_scores": np.arange(frames) / frames if scores is None else scores,
        "machine_summary": (np.arange(frames) < 20).astype(np.float32),
        "shot_lengths": lengths,
        "fscore": 40.0,
    }


def test_segments_are_binarised_and_the_grid_is_every_15th_frame(folder: Path) -> None:
    polo, jumps = read_summe(folder)
    assert (polo.id, jumps.id, polo.frames, jumps.frames) == ("Bike Polo", "Jumps", 7, 5)
    segments = read_annotations(folder / "GT" / "Jumps.mat").segments
    assert segments.shape == (3, 61) and segments.max() > 1
    assert jumps.full is not None and jumps.full.selections is not None and jumps.selections is not None
    np.testing.assert_array_equal(jumps.full.selections, segments > 0)
    np.testing.assert_array_equal(jumps.selections, segments[:, ::15] > 0)
    assert jumps.scores is None and jumps.fps == 2.0 and jumps.full.picks.tolist() == [0, 15, 30, 45, 60]
    assert jumps.full.shots.shape == (0, 2), "nobody said where its shots are"


def test_shots_come_from_result_files_by_name(folder: Path) -> None:
    results(folder / "r" / "a.h5", {"video_12": csnet(61, [20, 41]), "video_4": csnet(100, [50, 50])})
    results(folder / "b.h5", {"video_12": {"change_points": [[0, 19], [20, 60]]}, "video_4": {"features": [1.0]}})
    assert {k: v.tolist() for k, v in read_shots(folder).items()} == {
        "Bike Polo": [[0, 49], [50, 99]],
        "Jumps": [[0, 19], [20, 60]],
    }
    jumps = read_summe(folder)[1]
    assert jumps.full is not None and jumps.full.shots.tolist() == [[0, 19], [20, 60]]
    results(folder / "c.h5", {"video_12": {"change_points": [[0, 18], [19, 60]]}})
    with pytest.raises(ConfigError, match=r"c\.h5: other shots of Jumps"):
        read_summe(folder)
    with pytest.raises(ConfigError, match="the shots end at frame 59, the video at 60"):
        read_summe(folder, {"Jumps": np.array([[0, 59]])})


def test_both_forms_of_results(tmp_path: Path) -> None:
    frames, scores = 61, np.arange(61) / 61
    first = results(tmp_path / "a.h5", {"video_1": csnet(frames, [20, 41], scores)})
    second = results(
        tmp_path / "b.h5",
        {
            "video_2": {
                "score": scores[::15],
                "machine_summary": scores > 0.5,
                "fm": 0.4,
                "precision": 0.3,
                "recall": 0.6,
            }
        },
    )
    found = read_all_results([first, second], {"video_1": "Jumps"})
    one, two = found["Jumps"], found["video_2"]
    assert one.prediction.scores is not None and two.prediction.scores is not None
    np.testing.assert_array_equal(one.prediction.scores, two.prediction.scores)
    assert (one.f1, one.precision, two.f1, two.recall) == (0.4, None, 0.4, 0.6)
    assert one.summary.sum() == 20 and two.shots is None
    with pytest.raises(ConfigError, match="in another file too"):
        read_all_results([first, first])


@pytest.mark.parametrize(
    "arrays",
    [
        {"machine_summary": np.zeros(30)},
        {"machine_summary": np.zeros(30), "score": [1.0], "fm": 0.1},
        {"machine_summary": np.zeros(30), "score": [1.0, np.nan], "fm": 0.1},
        {"machine_summary": np.zeros(30), "score": [1.0, 2.0], "fm": [0.1, 0.2]},
        {"machine_summary": np.zeros(30), "score": [1.0, 2.0], "fm": 0.1, "shot_lengths": [10, 21]},
        {"machine_summary": np.zeros(30), "score": [1.0, 2.0], "fm": 0.1, "shot_lengths": [40, -10]},
        {"machine_summary": [b"text"], "score": [1.0], "fm": 0.1},
    ],
)
def test_broken_results_are_named(tmp_path: Path, arrays: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=r"x\.h5"):
        read_results(results(tmp_path / "x.h5", {"video_1": arrays}))


def test_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no GT/\*\.mat"):
        read_summe(tmp_path)
    (tmp_path / "GT").mkdir()
    bad = tmp_path / "GT" / "bad.mat"
    for content in (b"", b"not a mat file" * 50):
        bad.write_bytes(content)
        with pytest.raises(ConfigError, match=r"bad\.mat"):
            read_annotations(bad)
        for reader in (read_results, read_shots_of):
            with pytest.raises(ConfigError, match=r"bad\.mat"):
                reader(bad)
    savemat(bad, {"user_score": np.zeros((5, 2)), "nFrames": 6, "FPS": 25})
    with pytest.raises(ConfigError, match="for 6 frames"):
        read_annotations(bad)
    for text in ("[", "[1]", '{"a": 1}', '{"a": "video_1", "b": "video_1"}', "\xff"):
        names = tmp_path / "names.json"
        names.write_text(text, encoding="latin-1")
        with pytest.raises(ConfigError, match=r"names\.json"):
            read_names(names)


@real
@pytest.mark.groundtruth
def test_the_real_annotations_and_published_results() -> None:
    references = read_summe(GROUNDTRUTH / "summe")
    assert len(references) == 25
    assert {len(r.selections) for r in references if r.selections is not None} == {15, 16, 17, 18}
    names = read_names(GROUNDTRUTH / "summe" / "video_names.json")
    published = read_all_results(sorted((GROUNDTRUTH / "summe" / "sumind_results").glob("*.h5")), names)
    assert published.keys() == {r.id for r in references}
    for reference in references:
        assert reference.full is not None and reference.full.selections is not None
        row = published[reference.id]
        ours = over_annotators(overlap(row.summary[None], reference.full.selections[None]), "max")
        assert row.precision is not None and row.recall is not None
        stored = np.array([row.f1, row.precision, row.recall])
        np.testing.assert_allclose(np.concatenate(ours), stored, atol=1e-9)  # their denominator has 1e-8 more
    pairs = [(r, published[r.id].prediction) for r in references]
    found = evaluate_videos(get("summe/score-vs-mean"), pairs)
    assert all(v.failure is None and v.values["kendall_tau"] is not None for v in found)


def test_a_file_that_ends_its_reader_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.mat"
    annotation(path, np.random.default_rng(0).integers(0, 4, (3, 61)).astype(np.uint8))
    content = path.read_bytes()
    with Sandbox() as sandbox:
        for at, byte in CRASHING:
            path.write_bytes(content[:at] + bytes([byte]) + content[at + 1 :])
            with pytest.raises(ConfigError, match=r"bad\.mat: not an annotation"):
                read_annotations(path, sandbox)


def test_an_array_of_terabytes_in_a_small_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.h5"
    with h5py.File(path, "w") as file:
        for name in ("machine_summary", "score", "fm", "change_points", "video_name"):
            file.create_dataset(f"video_1/{name}", (2**40,), np.float64, chunks=(1024,))
    assert path.stat().st_size < 100_000
    for reader in (read_results, read_shots_of):
        with pytest.raises(ConfigError, match="more than a video can have"):
            reader(path)


def test_a_file_whose_tables_are_damaged_is_named(tmp_path: Path) -> None:
    path = results(tmp_path / "a.h5", {"video_1": {"score": np.ones(5), "machine_summary": np.ones(61), "fm": 0.5}})
    content = path.read_bytes()
    for mark in (b"SNOD", b"TREE", b"HEAP"):
        path.write_bytes(content.replace(mark, b"XXXX"))
        for reader in (read_results, read_shots_of):
            with pytest.raises(ConfigError, match=r"a\.h5"):
                reader(path)


def test_names_that_are_nested_too_deeply_are_told(tmp_path: Path) -> None:
    path = tmp_path / "names.json"
    path.write_text("[" * 100_000)
    with pytest.raises(ConfigError, match=r"names\.json"):
        read_names(path)
    with pytest.raises(ConfigError, match=r"names\.json"):
        read_summaries(path)
