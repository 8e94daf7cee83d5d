"""The files of eccv16 and TVSum's ratings in tabs as references, with the split and score files of other projects."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from evaluation.cases import System
from evaluation.command_line import chosen_videos, protocol_for
from evaluation.evaluate import Inputs, evaluate
from evaluation.readers.any import kind_of, read_references, read_system, sha256_of
from evaluation.readers.eccv16 import dataset_of, read_eccv16
from evaluation.readers.folds import check_splits, read_splits
from evaluation.readers.published_results import read_results
from evaluation.readers.tvsum import read_tvsum_tsv
from schemas.errors import ConfigError
from tests.evaluation.datasets import write_eccv16, write_tvsum_tsv
from tests.places import GROUNDTRUTH

FRAMES = [600, 451, 900]
IDS = ["AwmHb44_ouw", "98MoyGZKHXc", "J0nA4VgnoCo"]
SPLITS = GROUNDTRUTH / "splits"


@pytest.fixture
def tvsum(tmp_path: Path) -> Path:
    return write_eccv16(tmp_path / "eccv16_dataset_tvsum_google_pool5.h5", FRAMES)


@pytest.fixture
def ratings(tmp_path: Path) -> Path:
    return write_tvsum_tsv(tmp_path, dict(zip(IDS, FRAMES, strict=True)))


def test_shots_summaries_and_picks_of_eccv16(tvsum: Path) -> None:
    assert kind_of(tvsum) == "tvsum"
    references = read_references(tvsum).items
    assert [(r.id, r.frames, r.fps) for r in references] == [
        ("video_1", 40, 2.0),
        ("video_2", 31, 2.0),
        ("video_3", 60, 2.0),
    ]
    full = references[1].full
    assert full is not None and full.selections is not None and references[1].selections is not None
    assert full.frames == 451 and full.shots[-1].tolist() == [450, 450] and full.selections.shape == (4, 451)
    np.testing.assert_array_equal(references[1].selections, full.selections[:, ::15])


def test_a_folder_with_shots_and_no_ratings(tvsum: Path) -> None:
    assert kind_of(tvsum.parent) == "tvsum"
    assert len(read_references(tvsum.parent).items) == 3
    write_eccv16(tvsum.parent / "eccv16_dataset_summe_google_pool5.h5", FRAMES)
    with pytest.raises(ConfigError, match=r"name the file of one dataset .*summe_google_pool5\.h5, eccv16_.*tvsum"):
        kind_of(tvsum.parent)


def test_the_order_is_that_of_the_numbers(tmp_path: Path) -> None:
    path = write_eccv16(tmp_path / "tvsum.h5", [60] * 11)
    assert [video.key for video in read_eccv16(path)] == [f"video_{n}" for n in range(1, 12)]


def test_ratings_of_the_file_of_tabs(ratings: Path) -> None:
    assert kind_of(ratings) == kind_of(ratings.parent) == "tvsum"
    first, second, _ = read_references(ratings).items
    assert (first.id, first.frames, first.title, first.aliases) == (IDS[0], 40, f"Title of {IDS[0]}", ("video_1",))
    assert (
        first.scores is not None and first.scores.shape == (4, 40) and set(np.unique(first.scores)) <= {1, 2, 3, 4, 5}
    )
    assert first.fps == pytest.approx(2.0) and second.frames == 31
    ratings.with_name("ydata-tvsum50-info.tsv").unlink()
    assert [(r.title, r.fps) for r in read_tvsum_tsv(ratings)] == [("", pytest.approx(2.0))] * 3


def test_ratings_and_shots_are_one_dataset(tvsum: Path, ratings: Path) -> None:
    for paths in ([tvsum, ratings], [ratings, tvsum], [tvsum.parent]):
        references = read_references(paths).items
        assert [(r.id, r.aliases) for r in references] == [(id_, (f"video_{n}",)) for n, id_ in enumerate(IDS, 1)]
        first = references[0]
        assert first.scores is not None and first.full is not None and first.full.selections is not None
        assert first.full.shots.shape == (20, 2) and len(sha256_of(paths)) == 64
    (tvsum.parent / "video_names.json").write_text(
        json.dumps(dict(zip(IDS, ["video_2", "video_1", "video_3"], strict=True)))
    )
    with pytest.raises(ConfigError, match=r"video_1: 600 frames and 40 picks, but the ratings of 98MoyGZKHXc have 451"):
        read_references([tvsum, ratings])
    with pytest.raises(ConfigError, match="says the same of TVSum"):
        read_references([tvsum, tvsum])


def test_f1_and_rank_correlations_of_tvsum_from_files(tvsum: Path, ratings: Path, tmp_path: Path) -> None:
    references = read_references([tvsum, ratings])
    rng = np.random.default_rng(3)
    scores = {f"video_{n}": rng.random(r.frames).tolist() for n, r in enumerate(references.items, 1)}
    (tmp_path / "TVSum_199.json").write_text(json.dumps(scores))
    system = read_system(tmp_path / "TVSum_199.json", references.items)
    assert [item.id for item in system.items] == IDS and not any(item.failure for item in system.items)
    found = evaluate(
        protocol_for(None, [tvsum]), references, [System("pgl", (system,))], Inputs("t", "0", {}), baselines=False
    )
    values = {metric.name: metric.value for metric in found.evaluation.systems[0].metrics}
    assert all(values[name] is not None for name in ("f1", "precision", "recall", "kendall_tau", "spearman_rho"))
    alone = evaluate(
        protocol_for(None, [tvsum]),
        read_references(tvsum),
        [System("pgl", (read_system(tmp_path / "TVSum_199.json", read_references(tvsum).items),))],
        Inputs("t", "0", {}),
        baselines=False,
    )
    without = {metric.name: metric.value for metric in alone.evaluation.systems[0].metrics}
    assert without["f1"] == values["f1"] and without["kendall_tau"] is None, "eccv16 has no ratings"


@pytest.mark.parametrize("form", ["json", "txt", "yml"])
def test_split_files_of_other_projects_apply_directly(tvsum: Path, ratings: Path, tmp_path: Path, form: str) -> None:
    path = tmp_path / f"splits.{form}"
    path.write_text(
        {
            "json": '[{"train_keys": ["video_1"], "test_keys": ["video_2", "video_3"]}]',
            "txt": "TVSum/split0/video_1/video_2,video_3\n",
            "yml": f"- test_keys: [../datasets/{tvsum.name}/video_2, x/video_3]\n  train_keys: [x/video_1]\n",
        }[form]
    )
    for given, ids in (([tvsum], ["video_2", "video_3"]), ([tvsum, ratings], IDS[1:])):
        chosen, said = chosen_videos(read_references(given), str(path), 0, 0, given[0])
        assert [reference.id for reference in chosen.items] == ids and "2 of 3" in (said or "")


def test_summe_alone_and_as_shots_of_the_annotations(tmp_path: Path) -> None:
    names = ["Air_Force_One", "Base jumping", "car_over_camera"]
    path = write_eccv16(tmp_path / "eccv16_dataset_summe_google_pool5.h5", FRAMES, names=names)
    assert dataset_of(path) == "summe"
    assert [(r.id, r.aliases) for r in read_references(path).items] == [
        (name, (f"video_{n}",)) for n, name in enumerate(names, 1)
    ]
    for name, frames in zip(names, FRAMES, strict=True):
        segments = np.random.default_rng(0).integers(0, 3, (frames, 5)).astype(np.uint8)
        (tmp_path / "SumMe" / "GT").mkdir(parents=True, exist_ok=True)
        savemat(
            tmp_path / "SumMe" / "GT" / f"{name.replace('_', ' ')}.mat",
            {"user_score": segments, "nFrames": frames, "FPS": 25.0},
        )
    references = read_references([tmp_path / "SumMe", path]).items
    assert [(r.id, r.aliases) for r in references] == [
        ("Air Force One", ("video_1",)),
        ("Base jumping", ("video_2",)),
        ("car over camera", ("video_3",)),
    ]
    assert all(r.full is not None and r.full.shots.size and r.fps == 25 / 15 for r in references)
    (tmp_path / "SumMe" / "GT" / "Base jumping.mat").unlink()
    with pytest.raises(ConfigError, match=r"video_2: there is no Base jumping\.mat"):
        read_references([tmp_path / "SumMe", path])


def test_a_file_without_a_telling_name(tmp_path: Path) -> None:
    assert dataset_of(write_eccv16(tmp_path / "a.h5", [60], names=["Jumps"])) == "summe"
    assert dataset_of(write_eccv16(tmp_path / "b.h5", [60], annotators=20)) == "tvsum"
    with pytest.raises(ConfigError, match="TVSum or SumMe"):
        dataset_of(write_eccv16(tmp_path / "c.h5", [60]))
    with h5py.File(tmp_path / "d.h5", "w") as file:
        file["video_1"] = [1.0]
    for other in (tmp_path / "d.h5", tmp_path / "e.h5"):
        (tmp_path / "e.h5").write_bytes(b"x")
        with pytest.raises(ConfigError, match="these are no references"):
            kind_of(other)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("picks", [3, 2], "picks must ascend"),
        ("picks", [0, 60], "picks must ascend"),
        ("change_points", [[0, 60]], "shots must lie"),
        ("user_summary", np.zeros((2, 59)), "user_summary of shape"),
        ("user_summary", np.full((2, 60), 2), "rows of 0 and 1"),
        ("n_frames", [1, 2], "eccv16"),
    ],
)
def test_broken_files_name_the_video(tmp_path: Path, name: str, value: object, words: str) -> None:
    path = write_eccv16(tmp_path / "tvsum.h5", [60, 60])
    with h5py.File(path, "a") as file:
        del file[f"video_2/{name}"]
        file[f"video_2/{name}"] = value
    with pytest.raises(ConfigError, match=rf"tvsum\.h5, video_2: .*{words}"):
        read_references(path)


@pytest.mark.parametrize(
    ("line", "words"),
    [("a\tb", "not VIDEO"), ("a\tVT\t1,x", "must be numbers"), ("v\tVT\t1,2,3", "3 ratings, 2 in")],
)
def test_a_bad_line_of_ratings_is_named(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "ydata-tvsum50-anno.tsv"
    path.write_text(f"v\tVT\t1,2\n{line}\n")
    with pytest.raises(ConfigError, match=rf"anno\.tsv, line 2: .*{words}"):
        read_references(path)
    path.write_text("\n")
    with pytest.raises(ConfigError, match="no ratings"):
        read_references(path)


@pytest.mark.groundtruth
@pytest.mark.skipif(not GROUNDTRUTH.is_dir(), reason="../shared/groundtruth is not there")
def test_the_real_ratings_and_shots_with_the_published_splits(tmp_path: Path) -> None:
    """The real ratings in both forms are the same references; SUM-Ind's and CSNet's files make a file of eccv16."""
    mat = GROUNDTRUTH / "tvsum" / "ydata-tvsum50.mat"
    references = read_references(mat).items
    with (tmp_path / "ydata-tvsum50-anno.tsv").open("w") as file, h5py.File(mat) as source:
        table = source["tvsum50"]
        for row, reference in enumerate(references):
            for ratings in np.asarray(source[table["user_anno"][row, 0]]).astype(int):
                file.write(f"{reference.id}\tVT\t{','.join(map(str, ratings))}\n")
    again = read_references(tmp_path / "ydata-tvsum50-anno.tsv").items
    assert [(r.id, r.aliases, r.frames) for r in again] == [(r.id, r.aliases, r.frames) for r in references]
    for ours, theirs in zip(again, references, strict=True):
        np.testing.assert_array_equal(ours.scores, theirs.scores)
    for name in ("pglsum_tvsum_splits.json", "csta_TVSum_splits.txt", "dsnet_tvsum.yml"):
        chosen, _ = chosen_videos(read_references(mat), str(SPLITS / name), 0, 0, tmp_path)
        assert len(chosen.items) == 10, name
    summe = tmp_path / "eccv16_dataset_summe_google_pool5.h5"
    names = {v: k for k, v in json.loads((GROUNDTRUTH / "summe" / "video_names.json").read_text()).items()}
    with h5py.File(summe, "w") as out:
        for part in sorted((GROUNDTRUTH / "summe" / "csnet_results").glob("*.h5")):
            with h5py.File(part) as file:
                for key, group in file.items():
                    ends = np.cumsum(group["shot_lengths"][...])
                    marks = group["user_summary"][...]
                    out[f"{key}/change_points"] = np.stack([np.r_[0, ends[:-1]], ends - 1], axis=1)
                    out[f"{key}/user_summary"] = marks
                    out[f"{key}/n_frames"] = marks.shape[1]
                    out[f"{key}/picks"] = np.arange(0, marks.shape[1], 15)
                    out[f"{key}/video_name"] = names[key]
    alone, both = read_references(summe).items, read_references([GROUNDTRUTH / "summe", summe]).items
    assert {r.id for r in alone} == {r.id for r in both} and len(both) == 25
    by_id = {r.id: r for r in both}
    for reference in alone:
        ours, gt = reference.full, by_id[reference.id].full
        assert ours is not None and gt is not None
        np.testing.assert_array_equal(ours.selections, gt.selections)
        np.testing.assert_array_equal(ours.shots, gt.shots)
    # CSNet's F1 on these shots, as its own file states it: the maximum over the annotators, in percent.
    stored = [
        row.f1 for part in (GROUNDTRUTH / "summe" / "csnet_results").glob("*.h5") for row in read_results(part).values()
    ]
    assert len(stored) == 25
    folds = read_splits(SPLITS / "pglsum_summe_splits.json")
    assert check_splits(folds, [r.aliases[0] for r in alone]).unknown == ()
