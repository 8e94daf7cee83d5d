"""The check of an export from anybody: what it reads, what it refuses to read, and what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.dataset.check import check_export, damage, validate
from schemas.manifest import Manifest
from tests.curation.samples import numbered, run_export, sha
from tests.runs import in_process


@pytest.fixture
def out(tmp_path: Path) -> Path:
    run_export(tmp_path / "out", numbered(12))
    return tmp_path / "out"


def edit(out: Path, **changes: object) -> None:
    manifest = json.loads((out / "manifest.json").read_text())
    (out / "manifest.json").write_text(json.dumps(manifest | changes))


def listed(out: Path, path: str, content: bytes) -> None:
    """List a file in the manifest as if it belonged to the export."""
    files = json.loads((out / "manifest.json").read_text())["files"]
    edit(out, files=[*files, {"path": path, "sha256": sha(content), "bytes": len(content), "rows": None}])


def test_a_sound_export_and_a_copy_of_it(out: Path, tmp_path: Path) -> None:
    for place in (out, out.rename(tmp_path / "elsewhere")):
        if place.exists():
            found = check_export(place)
            assert (found.problems, found.samples, found.files, found.rows_were_read) == (
                [],
                12,
                len(found_files(place)),
                True,
            )
            assert damage(place) == []


def found_files(place: Path) -> tuple[object, ...]:
    return Manifest.model_validate_json((place / "manifest.json").read_bytes()).files


def test_nothing_outside_the_folder_is_read(out: Path, tmp_path: Path) -> None:
    """A manifest from anybody may name any path, and a file of the copy may be a link."""
    secret = tmp_path / "secret.txt"
    secret.write_bytes(b"mine")
    before = (out / "manifest.json").read_text()
    listed(out, "../secret.txt", b"other")
    assert [p.partition(":")[0] for p in validate(out)] == ["manifest.json"]
    assert not any(sha(b"mine")[:12] in problem for problem in validate(out))
    (out / "manifest.json").write_text(before)
    (out / "README.md").unlink()
    (out / "README.md").symlink_to(secret)
    assert validate(out) == damage(out) == ["README.md: a link"]
    (out / "data").rename(tmp_path / "away")
    (out / "data").symlink_to(tmp_path / "away")
    problems = validate(out)
    assert "data: not named in manifest.json" in problems
    assert any(p.startswith("data/") and p.endswith(": a link") for p in problems)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "damaged"),
        ("[]", "damaged"),
        ("{}", "schema_version: Field required"),
        ("[" * 100_000, "damaged"),
        ("\udcff", "damaged"),
    ],
)
def test_a_manifest_that_is_none(out: Path, text: str, words: str) -> None:
    (out / "manifest.json").write_text(text, errors="surrogateescape")
    (problem,) = validate(out)
    assert problem.startswith("manifest.json: ") and words in problem


def test_another_schema_version_is_checked_by_its_hashes(out: Path) -> None:
    edit(out, schema_version=2)
    found = check_export(out)
    assert (found.problems, found.schema_version, found.rows_were_read) == ([], 2, False)
    assert "schema version 2" in validate(out)[0]
    (out / "rejections.jsonl").write_text("")
    assert [p.partition(":")[0] for p in check_export(out).problems] == ["rejections.jsonl"]


def test_json_of_any_depth_is_a_problem_and_no_crash(out: Path) -> None:
    path = sorted((out / "json").iterdir())[0]
    deep = b"[" * 200_000
    path.write_bytes(deep)
    name = path.relative_to(out).as_posix()
    files = json.loads((out / "manifest.json").read_text())["files"]
    restated = [f | {"sha256": sha(deep), "bytes": len(deep)} if f["path"] == name else f for f in files]
    edit(out, files=restated)
    assert any(p.startswith(f"{name}: not a JSON array") for p in validate(out))


def test_the_command(out: Path, tmp_path: Path) -> None:
    done = in_process("check", out)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("sound: 12 samples")
    workspace = tmp_path / "w"
    workspace.mkdir()
    out.rename(workspace / "export")
    answer = json.loads(in_process("check", workspace, "--json").stdout)
    assert answer["sound"] is True and answer["problems"] == []
    (workspace / "export" / "README.md").unlink()
    done = in_process("check", workspace)
    assert (done.returncode, done.stdout) == (1, "")
    assert "README.md: missing" in done.stderr and "`v2xum export WORKSPACE` writes it anew" in done.stderr
    done = in_process("check", workspace, "--json")
    assert done.returncode == 1 and json.loads(done.stdout)["problems"] == ["README.md: missing"]
    (workspace / "export" / "manifest.json").unlink()
    assert "manifest.json: missing" in in_process("check", workspace).stderr
    for place in (tmp_path / "nowhere", tmp_path):
        done = in_process("check", place)
        assert done.returncode == 2 and "no dataset here" in done.stderr


def test_a_row_without_its_times_is_a_problem_and_no_crash(out: Path) -> None:
    path = next((out / "data").rglob("*.parquet"))
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[0]["meta"]["token"] = [{**entry, "seconds": None} for entry in rows[0]["meta"]["token"]]
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path, write_page_checksum=True)
    files = json.loads((out / "manifest.json").read_text())["files"]
    stated = {"sha256": sha(path.read_bytes()), "bytes": path.stat().st_size}
    edit(out, files=[{**file, **(stated if file["path"].endswith(path.name) else {})} for file in files])
    assert any("lacks what every row has" in problem for problem in check_export(out).problems)
