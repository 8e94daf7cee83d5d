from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.cases import Reference
from evaluation.readers.folds import Fold, check_splits, proper_folds, read_splits
from schemas.errors import ConfigError
from tests.places import GROUNDTRUTH

real = pytest.mark.skipif(not GROUNDTRUTH.is_dir(), reason="../shared/groundtruth is not there")
ROWS = [
    {"train_keys": ["d/x.h5/video_1", "video_2"], "test_keys": ["video_3"]},
    {"train_keys": ["video_3", "video_1"], "val_keys": ["video_2"], "test_keys": ["video_3"]},
]


@settings(max_examples=60)
@given(
    st.lists(st.none() | st.sampled_from("abcdefgh"), min_size=0, max_size=40), st.integers(3, 6), st.integers(0, 99)
)
def test_proper_folds_are_proper(groups: list[str | None], count: int, seed: int) -> None:
    references = [Reference(f"v{i}", 1, group=group) for i, group in enumerate(groups)]
    if len({group or i for i, group in enumerate(groups)}) < count:
        with pytest.raises(ConfigError, match="do not fill"):
            proper_folds(references, folds=count, seed=seed)
        return
    folds = proper_folds(references, folds=count, seed=seed)
    assert check_splits(folds, references).clean
    everything = {r.id for r in references}
    for fold in folds:
        assert fold.train and fold.validation and fold.test
        assert {*fold.train, *fold.validation, *fold.test} == everything
    assert sorted(v for fold in folds for v in fold.validation) == sorted(everything), "each validates once"
    assert proper_folds(references[::-1], folds=count, seed=seed) == folds
    group_of = {r.id: r.group for r in references}
    for fold in folds:
        parts = [{group_of[v] for v in part} - {None} for part in fold]
        assert not (parts[0] & parts[1] or parts[0] & parts[2] or parts[1] & parts[2])


def test_seeds_differ_and_parts_are_even() -> None:
    references = [Reference(f"v{i}", 1) for i in range(25)]
    assert proper_folds(references, seed=1) != proper_folds(references, seed=2)
    assert {tuple(map(len, fold)) for fold in proper_folds(references)} == {(15, 5, 5)}
    named_like_a_video = [*references, Reference("w", 1, group="v3")]
    assert check_splits(proper_folds(named_like_a_video), named_like_a_video).clean
    with pytest.raises(ConfigError, match="twice"):
        proper_folds([*references, Reference("v1", 1)])
    with pytest.raises(ConfigError, match="need at least three"):
        proper_folds(references, folds=2)


def test_all_forms_are_read(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(json.dumps(ROWS))
    (tmp_path / "s.yml").write_text(yaml.safe_dump(ROWS))
    (tmp_path / "s.txt").write_text("SumMe/split0/video_1,video_2/video_3\n\nSumMe/split1/video_3,video_1/video_3\n")
    first = Fold(("video_1", "video_2"), (), ("video_3",))
    second = Fold(("video_3", "video_1"), ("video_2",), ("video_3",))
    assert read_splits(tmp_path / "s.json") == read_splits(tmp_path / "s.yml") == (first, second)
    assert read_splits(tmp_path / "s.txt") == (first, second._replace(validation=()))
    assert read_splits(tmp_path / "s.json", {"video_3": "Jumps"})[0].test == ("Jumps",)


def test_what_is_wrong_is_said() -> None:
    folds = (Fold(("a", "b"), (), ("c",)), Fold(("c", "a"), ("b",), ("c",)), Fold(("d",), (), ("x",)))
    references = [Reference(v, 1, group=g) for v, g in (("a", "p"), ("b", None), ("c", "p"), ("d", None), ("e", None))]
    found = check_splits(folds, references)
    assert found.never_tested == ("a", "b", "d", "e") and found.tested_often == {"c": 2}
    assert found.leaks == {1: ("c",)} and found.unknown == ("x",) and found.groups == {0: ("p",), 1: ("p",)}
    assert not found.clean


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("s.json", "{", "cannot be parsed"),
        ("s.json", "{}", "must be a list"),
        ("s.json", "[]", "no folds"),
        ("s.json", '[{"train_keys": ["a"], "test_keys": ["b"]}, {"train_keys": ["a"]}]', "fold 1: test_keys"),
        ("s.json", '[{"train_keys": [1], "test_keys": []}]', "fold 0: train_keys"),
        ("s.json", "[7]", "fold 0"),
        ("s.json", "[" * 100_000, "cannot be parsed"),
        ("s.yml", "a: [", "cannot be parsed"),
        ("s.yml", "!!python/object/apply:os.getcwd []", "cannot be parsed"),
        ("s.txt", "SumMe/split0/a,b/c\nnonsense\n", "line 2"),
    ],
)
def test_broken_files_are_named(tmp_path: Path, name: str, text: str, words: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ConfigError, match=words) as caught:
        read_splits(path)
    assert name in str(caught.value)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=name):
        read_splits(path)


@real
@pytest.mark.groundtruth
def test_the_published_files() -> None:
    def checked(name: str, videos: int) -> tuple[int, int]:
        folds = read_splits(GROUNDTRUTH / "splits" / name)
        found = check_splits(folds, [f"video_{i}" for i in range(1, videos + 1)])
        assert len(folds) == 5 and not found.leaks and not found.unknown
        return len(found.never_tested), len(found.tested_often)

    assert checked("pglsum_summe_splits.json", 25)[0] == 7 and checked("pglsum_tvsum_splits.json", 50)[0] == 16
    assert checked("dsnet_summe.yml", 25)[0] == 9 and checked("dsnet_tvsum.yml", 50)[0] == 18
    for name in ("csta_SumMe_splits.txt", "msva_summe_random_non_overlap_splits.json"):
        assert checked(name, 25) == (0, 0)
    for name in ("csta_TVSum_splits.txt", "msva_tvsum_random_non_overlap_splits.json"):
        assert checked(name, 50) == (0, 0)
