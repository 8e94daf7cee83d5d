"""A release in pandas: types, splits, pictures on demand; and what is wrong with one is told."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

import v2xum


@pytest.fixture
def release(released_root: Path) -> v2xum.Release:
    return v2xum.load_release(released_root)


def test_the_highest_version_is_read_unless_one_is_named(released_root: Path, release: v2xum.Release) -> None:
    assert release.version == "0.2.0" and release.manifest.title == "Films"
    assert v2xum.load_release(str(released_root), "0.1.0").version == "0.1.0"
    assert v2xum.load_release(release.path).splits == release.splits
    assert sum(release.splits.values()) == release.manifest.samples == len(release.to_pandas())


def test_rows_have_types_and_pictures_on_demand(release: v2xum.Release) -> None:
    frame = release.to_pandas()
    assert "contact_sheet" not in frame and frame["duration"].dtype == "float64"
    assert release.to_pandas(pictures=True)["contact_sheet"][0]["bytes"][:2] == b"\xff\xd8"
    split = next(iter(release.splits))
    assert set(release.to_pandas(split=split)["split"]) == {split}
    full = release.to_pandas("full")
    assert "image" not in full["keyframes"][0][0] and full["keyframes"][0][0]["caption"]
    assert set(release.configurations) >= {"default", "full", "frames", "rejections"}
    for name in release.configurations:
        assert len(release.to_pandas(name, pictures=True)) > 0
    kinds = {str(kind) for name in release.configurations for kind in release.to_pandas(name).dtypes}
    assert "int64" not in kinds and str(pd.Int64Dtype()) in kinds
    page = release._repr_html_()
    assert "0.2.0" in page and "Films" in page


def test_what_is_not_there_is_told(released_root: Path, release: v2xum.Release, root: Path, tmp_path: Path) -> None:
    wrong = [
        (lambda: release.to_pandas("fulll"), "has no configuration 'fulll'; it has default"),
        (lambda: release.to_pandas(split="dev"), "no split 'dev'; it has"),
        (lambda: release.dataset("fulll"), "has no configuration"),
        (lambda: v2xum.load_release(released_root, "9.9.9"), "no release 9.9.9; there are 0.1.0, 0.2.0"),
        (lambda: v2xum.load_release(release.path, "0.2.0"), "leave out the version"),
        (lambda: v2xum.load_release(root), "no release yet"),
        (lambda: v2xum.load_release(tmp_path), "no release here"),
    ]
    for call, told in wrong:
        with pytest.raises(v2xum.ConfigError, match=told):
            call()


def test_a_damaged_file_is_named(release: v2xum.Release, tmp_path: Path) -> None:
    shutil.copytree(release.path, tmp_path / "copy")
    shard = next((tmp_path / "copy" / "default").glob("*.parquet"))
    data = bytearray(shard.read_bytes())
    for place in range(len(data) // 3, len(data) // 3 + 400):
        data[place] ^= 255
    shard.write_bytes(data)
    with pytest.raises(v2xum.ConfigError, match=shard.name):
        v2xum.load_release(tmp_path / "copy").to_pandas(pictures=True)
