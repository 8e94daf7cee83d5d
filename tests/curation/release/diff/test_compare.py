"""Which rows came, went and changed: against an oracle in plain Python, and on folders that are no releases."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.release import writer as writing
from curation.release.configurations.configuration import Configuration
from curation.release.configurations.full import FULL
from curation.release.diff.compare import compare_folders
from curation.release.diff.opened import open_release
from schemas.documents.release_diff import ReleaseDiff
from schemas.errors import ConfigError
from tests.curation.release.diff.written import Row, row, split_of_number, write_manifest, write_release

IDS = [f"v{number:03d}" for number in range(8)]
VARIANTS: dict[str, list[Any]] = {
    "title": ["A", None, "\u202e<b>"],
    "licence": ["CC BY", "CC0"],
    "defects": [[], ["torn"]],
    "captions": [[], [{"index": 0, "time": 0.0, "pts": 0.5, "text": "x", "reused_from": None, "image_sha256": "a"}]],
    "summary": [{}, {"v2t": "Other."}],
    "review": [{}, {"status": "accepted", "reviewers": ["ann"]}],
    "scores": [{}, {"judge": 4.5}],
    "ratio": [0.25, 0.5],
}


def rows() -> st.SearchStrategy[list[Row]]:
    one = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in VARIANTS.items()})
    chosen = st.dictionaries(st.sampled_from(IDS), st.tuples(st.sampled_from([0, 1, 2]), one), max_size=len(IDS))
    return chosen.map(
        lambda found: [row(name, split_of_number(split), **columns) for name, (split, columns) in found.items()]
    )


def diff(before: Path, after: Path) -> ReleaseDiff:
    return compare_folders(before, after).diff


@settings(max_examples=40, deadline=None)
@given(rows(), rows())
def test_it_finds_what_plain_python_finds(first: list[Row], second: list[Row]) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        a = write_release(folder / "a", first)
        b = write_release(folder / "b", second, "0.2.0")
        found, back, none = diff(a, b), diff(b, a), diff(a, a)
    finally:
        shutil.rmtree(folder)
    old, new = ({each["id"]: each for each in lines} for lines in (first, second))
    unlike = {
        name: {column for column in old[name] if old[name][column] != new[name][column]} for name in old.keys() & new
    }
    assert found.added == tuple(sorted(new.keys() - old)) == back.removed
    assert found.removed == tuple(sorted(old.keys() - new)) == back.added
    assert {each.id: set(each.fields) for each in found.changed} == {
        name: each for name, each in unlike.items() if each
    }
    assert [each.id for each in found.changed] == sorted(each.id for each in found.changed)
    assert found.same == sum(not each for each in unlike.values()) == back.same
    assert found.causes.keys() == {*found.added, *found.removed}
    assert all(each.causes and each.cause == each.causes[0].cause for each in found.changed)
    assert (none.added, none.removed, none.changed, none.same) == ((), (), (), len(old))
    counted = {kind: sum(counts.values()) for kind, counts in found.by_cause.items()}
    assert counted == {"added": len(found.added), "removed": len(found.removed), "changed": len(found.changed)}


def test_the_form_that_others_rely_on(tmp_path: Path) -> None:
    a = write_release(tmp_path / "a", [row("v1"), row("v2")])
    b = write_release(tmp_path / "b", [row("v2", title="Other"), row("v3")], "0.2.0")
    document = json.loads(diff(a, b).model_dump_json())
    assert (document["added"], document["removed"]) == (["v3"], ["v1"])
    (changed,) = document["changed"]
    assert (changed["id"], changed["fields"], changed["cause"]) == ("v2", ["title"], "source changed")
    assert document["causes"].keys() == {"v1", "v3"}


def test_pictures_are_compared_by_their_hashes_and_files_may_be_cut_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [row(f"v{number:03d}", split_of_number(number), images=True) for number in range(30)]
    a = write_release(tmp_path / "a", lines)
    monkeypatch.setattr(writing, "GROUP_BYTES", 1)
    monkeypatch.setattr(writing, "FILE_BYTES", 1)
    monkeypatch.setattr(writing, "_BATCH_ROWS", 3)
    lines[4] = row("v004", split_of_number(4))  # the same row, without pictures
    keyframes = [{**each, "sha256": "0" * 64} for each in lines[5]["keyframes"]]
    lines[5] = {**lines[5], "keyframes": keyframes}
    b = write_release(tmp_path / "b", lines)
    assert len(list((b / "full").iterdir())) > 6
    found = diff(a, b)
    assert [(each.id, each.fields) for each in found.changed] == [("v005", ("keyframes",))]
    assert found.same == 29 and diff(b, a).changed[0].id == "v005"


def other_columns() -> datasets.Features:
    """The columns of another version: one more, one less, one of another size, and one more inside a structure."""
    columns = dict(FULL.features())
    del columns["defects"]
    columns["mood"] = datasets.Value("string")
    columns["schema_version"] = datasets.Value("int64")
    columns["file"] = {**columns["file"], "bytes": datasets.Value("int32"), "colour": datasets.Value("string")}
    return datasets.Features(columns)


def test_releases_of_unlike_columns_are_compared_by_those_that_both_have(tmp_path: Path) -> None:
    later = Configuration("full", "A row.", other_columns)
    a = write_release(tmp_path / "a", [row("v1"), row("v2")])
    news = [row(name, mood="calm", schema_version=9, file={"colour": "red"}) for name in ("v1", "v2")]
    news[1]["licence"] = "CC0"
    b = write_release(tmp_path / "b", news, "0.2.0", full=later, schema_version=9)
    found = diff(a, b)
    assert (found.columns_added, found.columns_removed) == (("file.colour", "mood"), ("defects",))
    assert [(each.id, each.fields) for each in found.changed] == [("v2", ("licence",))]
    assert (found.before.schema_version, found.after.schema_version) == (4, 9)


def test_an_empty_release_is_compared_too(tmp_path: Path) -> None:
    a, b = write_release(tmp_path / "a", []), write_release(tmp_path / "b", [row("v1")])
    assert (diff(a, b).added, diff(b, a).removed, diff(a, a).same) == (("v1",), ("v1",), 0)


def test_a_published_file_that_was_changed_is_named_before_anything_is_read(tmp_path: Path) -> None:
    a, b = write_release(tmp_path / "a", [row("v1")]), write_release(tmp_path / "b", [row("v1")])
    (path,) = (b / "full").iterdir()
    data = bytearray(path.read_bytes())
    data[200] ^= 1
    path.write_bytes(data)
    with pytest.raises(ConfigError, match=r"is not what was published: full/train-.*damaged: SHA-256"):
        diff(a, b)
    path.unlink()
    with pytest.raises(ConfigError, match=r"full/train-.*: missing.*`v2xum check"):
        diff(b, a)


def test_nothing_outside_a_release_is_read(tmp_path: Path) -> None:
    a, b = write_release(tmp_path / "a", [row("v1")]), write_release(tmp_path / "b", [row("v1")])
    (path,) = (b / "full").iterdir()
    outside = tmp_path / "outside.parquet"
    path.rename(outside)
    path.symlink_to(outside)
    with pytest.raises(ConfigError, match=r"full/train-.*: a link"):
        diff(a, b)
    manifest = json.loads((a / "manifest.json").read_text())
    manifest["files"][0]["path"] = "full/../../outside.parquet"
    (a / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ConfigError, match=r"not the manifest of a release: files\.0\.path"):
        diff(a, a)
    (b / "manifest.json").unlink()
    (b / "manifest.json").symlink_to(a / "manifest.json")
    with pytest.raises(ConfigError, match="is a link"):
        open_release(b)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", '{"version": "x"}', "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")]
)
def test_a_folder_that_is_no_release_is_refused_with_a_word(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"no release here \(no manifest\.json\)"):
        open_release(tmp_path)
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(ConfigError, match=r"manifest\.json: not the manifest of a release"):
        open_release(tmp_path)


def rewrite(folder: Path, change: Any) -> None:
    """Change the table of the release's one file, and its manifest with it: a release that somebody else made."""
    (path,) = (folder / "full").iterdir()
    table = change(pq.read_table(path))
    pq.write_table(table, path)
    write_manifest(folder, {f"full/{path.name}": table.num_rows})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.take([1, 0]), "not in the order of their ids"),
        (lambda table: table.take([0, 0, 1]), "two rows of `full` have the id 'v1'"),
        (lambda table: table.drop_columns(["id"]), "no column `id`"),
        (lambda table: table.set_column(0, "id", [[1, 2]]), "a row has no id"),
    ],
)
def test_rows_that_no_release_has_are_refused(tmp_path: Path, change: Any, said: str) -> None:
    a, b = (write_release(tmp_path / name, [row("v1"), row("v2")]) for name in "ab")
    rewrite(b, change)
    with pytest.raises(ConfigError, match=said):
        diff(a, b)


def test_bytes_that_are_no_parquet_are_refused(tmp_path: Path) -> None:
    a = write_release(tmp_path / "a", [row("v1")])
    (path,) = (a / "full").iterdir()
    path.write_bytes(b"PAR1" + b"\0" * 100)
    write_manifest(a, {f"full/{path.name}": 1})
    with pytest.raises(ConfigError, match="cannot be read as Parquet"):
        diff(a, a)


def test_files_of_unlike_columns_are_not_one_release(tmp_path: Path) -> None:
    a = write_release(tmp_path / "a", [row("v1"), row("v2", "test")])
    path = next((a / "full").glob("test-*"))
    pq.write_table(pq.read_table(path).drop_columns(["licence"]), path)
    write_manifest(a, {f"full/{each.name}": 1 for each in (a / "full").iterdir()})
    with pytest.raises(ConfigError, match="other columns than the files before it"):
        diff(a, a)
