"""Reading a release that nobody trusts: what is wrong is named, and no file outside of the folder is read."""

import json
from pathlib import Path
from typing import Any

import pytest

from curation.release.browse.release_rows import ReleaseRows
from schemas.errors import ConfigError
from tests.curation.release.browse.folders import release_folder, write_manifest, write_rows
from tests.curation.samples import make_sample

MADE = [make_sample(f"v{number:03d}") for number in range(6)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return release_folder(tmp_path / "release", MADE)


def ids(folder: Path, configuration: str = "full") -> list[str]:
    return [row["id"] for row in ReleaseRows(folder).rows(configuration, ["id"])]


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("full/*.parquet"))


def test_rows_come_split_by_split_in_both_configurations(folder: Path) -> None:
    assert ids(folder) == ids(folder, "default") == ["v000", "v001", "v004", "v005", "v002", "v003"]


def test_a_row_has_the_named_parts_alone(folder: Path) -> None:
    columns = ["id", "review.status", "keyframes[].time", "defects", "unknown", "meta"]
    row = next(ReleaseRows(folder).rows("full", columns))
    assert set(row) == {"id", "review", "keyframes", "defects", "meta"}
    assert row["review"] == {"status": "unreviewed"}
    assert row["keyframes"] == [{"time": 0.0}, {"time": 3.0}, {"time": 9.0}]
    assert set(row["meta"]) == {"duration", "sampled_frames", "token"}


def test_a_missing_file_is_named(folder: Path) -> None:
    files(folder)[0].unlink()
    with pytest.raises(ConfigError, match=r"full/test-00000-of-00001\.parquet is missing: copy or download"):
        ids(folder)


def test_a_shorter_file_is_named(folder: Path) -> None:
    path = files(folder)[0]
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ConfigError, match=r"test-00000-of-00001\.parquet has [0-9,]+ bytes instead of"):
        ids(folder)


def test_changed_bytes_never_end_in_a_traceback(folder: Path) -> None:
    """Each file is changed at many places: it is read as it was, or named."""
    path = files(folder)[0]
    sound, named = path.read_bytes(), 0
    for place in range(0, len(sound), 997):
        path.write_bytes(sound[:place] + bytes([sound[place] ^ 0x55]) + sound[place + 1 :])
        try:
            list(ReleaseRows(folder).rows("full", ["id", "title", "captions", "keyframes", "scores"]))
        except ConfigError as error:
            named += 1
            assert str(path) in str(error)
    assert named


def test_other_rows_than_the_manifest_says_are_refused(folder: Path) -> None:
    document = json.loads((folder / "manifest.json").read_text())
    document["files"] = [{**file, "rows": 1} for file in document["files"]]
    (folder / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(ConfigError, match="rows instead of 1"):
        ids(folder)


@pytest.mark.parametrize(
    "path", ["../full/train-00000-of-00001.parquet", "/etc/passwd", "full/../../train-00000-of-00001.parquet", "a\\b"]
)
def test_a_path_that_leads_out_of_the_folder_is_no_manifest(folder: Path, path: str) -> None:
    document = json.loads((folder / "manifest.json").read_text())
    document["files"][0]["path"] = path
    (folder / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(ConfigError, match=r"not the manifest of a release: files\.0\.path"):
        ReleaseRows(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", "{", '{"version": 3}', "\x00"])
def test_what_is_no_manifest_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ConfigError, match="not the manifest of a release"):
        ReleaseRows(tmp_path)


def test_a_folder_without_a_manifest_is_no_release(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no release here"):
        ReleaseRows(tmp_path)


def test_an_export_is_no_release(folder: Path) -> None:
    for path in files(folder):
        path.unlink()
    write_manifest(folder, len(MADE))
    with pytest.raises(ConfigError, match="names no file of the configuration full"):
        ids(folder)


@pytest.mark.parametrize(
    "row",
    [
        {"id": "a", "keyframes": {"time": 1.0}, "captions": ["x"], "summary": [1], "scores": "none"},
        {"id": "a", "title": {"b": 1}, "meta": [[{"duration": 1}]], "review": 3},
        {"id": 5},
        {"other": 1},
    ],
)
def test_columns_of_other_types_are_left_out_or_passed_on(tmp_path: Path, row: dict[str, Any]) -> None:
    write_rows(tmp_path, "full", [row])
    write_manifest(tmp_path, 1)
    columns = ["id", "title", "keyframes[].time", "captions[].text", "summary.v2t", "scores", "meta.duration"]
    (found,) = ReleaseRows(tmp_path).rows("full", columns)
    assert found.keys() <= row.keys()
