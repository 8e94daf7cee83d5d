"""Examples of a release are what its rows say; what is wrong with a release is told before anything is trained."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.store.files import hash_file
from schemas.errors import ConfigError
from schemas.time import FrameIndex
from tests.training.conftest import FILMS
from training.examples import Example, captioned, read_release

pytestmark = pytest.mark.slow
Change = Callable[[list[dict[str, Any]]], None]


def rows(release: Path) -> list[dict[str, Any]]:
    return [row for path in sorted((release / "full").glob("*.parquet")) for row in pq.read_table(path).to_pylist()]


def changed(
    release: Path, out: Path, change: Change | None = None, without: str | None = None, split: str = "*"
) -> Path:
    """A copy of a release in which the rows of a split's first file are others, and whose manifest says so."""
    copy = out / "release"
    shutil.copytree(release, copy)
    path = sorted((copy / "full").glob(f"{split}-*.parquet"))[0]
    table = pq.read_table(path)
    if change is not None:
        some = table.to_pylist()
        change(some)
        table = pa.Table.from_pylist(some, schema=table.schema)
    if without is not None:
        table = table.drop_columns([without])
    pq.write_table(table, path)
    manifest = json.loads((copy / "manifest.json").read_text())
    for file in manifest["files"]:
        if file["path"] == f"full/{path.name}":
            file["sha256"], file["bytes"] = hash_file(path)
    (copy / "manifest.json").write_text(json.dumps(manifest))
    return copy


def test_examples_are_the_rows(release: Path, media: Path) -> None:
    read = read_release(release, media)
    by_id = {row["id"]: row for row in rows(release)}
    assert len(read.examples) == FILMS == len(by_id) and read.sampling.fps == 1
    for example in read.examples:
        row = by_id[example.id]
        assert example.labels.tolist() == [row["vsum_onehot"]] and example.split == row["split"]
        assert example.frames == len(row["vsum_onehot"]) and example.duration == example.frames
        assert example.seconds.tolist() == list(range(example.frames))
        assert example.keyframes == tuple(np.flatnonzero(row["vsum_onehot"]).tolist())
        assert example.text == row["summary"]["v2t"] and example.source == "raw"
        assert [text for _, text in example.interleaved] == [each["text"] for each in row["summary"]["v2vt"]]
        assert {FrameIndex(i) for frames, _ in example.interleaved for i in frames} <= set(example.keyframes)
        assert example.captions == tuple(each["text"] for each in row["captions"])
        assert example.media == media / f"{example.id}.mp4"


def test_videos_are_found_in_the_workspace_too(release: Path) -> None:
    read = read_release(release)
    assert all(each.media is not None and hash_file(each.media)[0] == each.video_sha256 for each in read.examples)


def test_a_split_without_videos_is_told(release: Path) -> None:
    read = read_release(release)
    assert sum(len(read.split(name)) for name in ("train", "validation", "test")) == FILMS
    with pytest.raises(ConfigError, match=r"the split dev has no videos \(train has"):
        read.split("dev")


def test_rows_by_who_checked_them(release: Path, tmp_path: Path) -> None:
    """Edited rows have null scores, so what people said comes before what the audit measured."""

    def checked(some: list[dict[str, Any]]) -> None:
        for row, status, unsupported in zip(some, ("fixed", "disputed", "unreviewed"), (None, 0.5, None), strict=False):
            row["review"] = {**row["review"], "status": status}
            row["scores"] = {**row["scores"], "unsupported": unsupported}

    assert len(read_release(release).split("train")) == 4
    read = read_release(changed(release, tmp_path, checked, split="train"))
    train = read.split("train")
    assert [each.source for each in train] == ["verified", "audited", "raw", "raw"]
    assert read.split("train", "all") == train
    for name, places in (("raw", [2, 3]), ("audited", [0, 1]), ("verified", [0])):
        assert read.split("train", name) == [train[place] for place in places]
    with pytest.raises(ConfigError, match=r"the split test has no verified rows, but 2 raw: set data\.rows to"):
        read.split("test", "verified")


@pytest.mark.parametrize(
    ("column", "words"), [("captions", "no column captions"), ("vsum_onehot", "no column vsum_onehot")]
)
def test_a_release_without_a_needed_column(column: str, words: str, release: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"parquet: {words}: training needs it.*v2xum release"):
        read_release(changed(release, tmp_path, without=column))


def first(**keys: Any) -> Change:
    def change(some: list[dict[str, Any]]) -> None:
        for key, value in keys.items():
            some[0][key] = {**some[0][key], **value} if isinstance(value, dict) else value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (first(schema_version=3), r"parquet has version 3.*and this program reads version 4"),
        (first(schema_version=None), r"has version None.*this program reads version 4"),
        (first(meta={"duration": 60.0}), r"row 0 \(video .*: \d+ frames at 1 fps cover .* but its duration is 60.0 s"),
        (first(vsum_onehot=[1, 0]), r"row 0 .*vsum_onehot has 2 entries"),
        (lambda some: some[0].update(vsum_onehot=[7, *some[0]["vsum_onehot"][1:]]), r"other values than 0 and 1"),
        (first(summary={"v2v": [400.0]}), r"the summary cites 400.0 s"),
        (lambda some: some.append(dict(some[0])), r"row \d+ .*a second row of this video"),
    ],
)  # fmt: skip
def test_rows_that_contradict_themselves(change: Change, words: str, release: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        read_release(changed(release, tmp_path, change))


def test_files_of_another_version_are_told(release: Path, tmp_path: Path) -> None:
    copy = tmp_path / "release"
    shutil.copytree(release, copy)
    path = sorted((copy / "full").glob("*.parquet"))[0]
    shutil.copy(path, path.with_name("train-00007-of-00008.parquet"))
    with pytest.raises(ConfigError, match=r"00007.*of another version"):
        read_release(copy)
    path.with_name("train-00007-of-00008.parquet").unlink()
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ConfigError, match=r"not the file that manifest\.json names"):
        read_release(copy)


def test_no_release_and_no_folder_of_videos(tmp_path: Path, release: Path) -> None:
    with pytest.raises(ConfigError, match="no release here"):
        read_release(tmp_path)
    with pytest.raises(ConfigError, match="no folder with videos"):
        read_release(release, tmp_path / "gone")


def test_who_needs_captions_says_so() -> None:
    def of(*captions: str) -> Example:
        return Example("v", "train", 2.0, np.arange(2.0), np.zeros((1, 2), np.float32), captions)

    captioned([of("a", "")])
    with pytest.raises(ConfigError, match="video v has no captions"):
        captioned([of("a", "b"), of("", "")])
