"""The release's files for TRL come back as they are, with each picture kept once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from datasets import Dataset

from schemas.release import FormatChoice
from tests.curation.samples import picture
from training.examples import Example
from training.modern.files import ShownVideo, TrlFiles

pytestmark = pytest.mark.slow


def test_every_row_has_the_pictures_of_its_own_video_which_are_kept_once(releases: Path, tmp_path: Path) -> None:
    files = TrlFiles(releases / "0.2.0", tmp_path / "once")
    rows = files.rows("train")
    plain = Dataset.from_parquet([str(path) for path in files.files("train")], cache_dir=str(tmp_path / "plain"))
    assert len(rows.data) == len(plain) == len(rows.places) == 12
    for place, wanted in enumerate(plain):
        row = rows.data[place]
        assert rows.places[wanted["id"], wanted["task"]] == place
        assert all(row[name] == wanted[name] for name in ("prompt", "completion"))
        assert len(row["images"]) == 12
        for one, other in zip(row["images"], wanted["images"], strict=True):
            np.testing.assert_array_equal(np.asarray(one), np.asarray(other))
    kept = {name: sum(path.stat().st_size for path in (tmp_path / name).rglob("*.arrow")) for name in ("once", "plain")}
    assert kept["once"] < kept["plain"] / 2
    assert files.times == "seconds"


def test_a_video_that_is_in_no_release_is_asked_about_in_the_same_words(releases: Path, tmp_path: Path) -> None:
    wanted = TrlFiles(releases / "0.2.0", tmp_path).rows("test")
    (video, *_), seconds = sorted({video for video, _ in wanted.places}), np.arange(12.0)
    example = Example(video, "test", 12.0, seconds, np.zeros((1, 12), np.float32))
    shown = ShownVideo(example, picture, FormatChoice(names=("trl",), times="slots"))
    assert shown.times == "slots" and len(shown.rows("test").places) == 3
    for key, place in shown.rows("test").places.items():
        row, other = shown.rows("test").data[place], wanted.data[wanted.places[key]]
        assert row["prompt"] == other["prompt"]
        for one, two in zip(row["images"], other["images"], strict=True):
            np.testing.assert_array_equal(np.asarray(one), np.asarray(two))


def test_pairs_of_texts_have_the_form_of_those_with_a_picture(releases: Path, tmp_path: Path) -> None:
    folder = releases / "0.3.0" / "formats" / "trl" / "dpo"
    pairs = TrlFiles(releases / "0.3.0", tmp_path).pairs("train")
    assert pairs is not None
    (captions,) = (folder / "caption" / "train").glob("*.parquet")
    assert sorted(len(row["images"]) for row in pairs) == [0] * 4 + [1] * pq.read_metadata(captions).num_rows
    for row in pairs:
        parts = [part["type"] for turn in ("prompt", "chosen", "rejected") for part in row[turn][0]["content"]]
        assert parts == ["text", *["image"] * len(row["images"]), "text", "text"]
        assert row["chosen"] != row["rejected"]
    assert TrlFiles(releases / "0.2.0", tmp_path).pairs("train") is None
