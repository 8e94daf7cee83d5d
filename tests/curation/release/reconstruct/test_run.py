"""Reconstructions of a release from a local site: verified, told apart, stopped, continued, and of hostile releases."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.release.reconstruct.make import _keep_video
from curation.release.reconstruct.run import Request, reconstruct
from curation.store.files import hash_file
from demo.site import serve
from schemas.documents.reconstruction import ReconstructedRow, ReconstructionReport
from schemas.errors import ConfigError, NotStored, StorageFull
from schemas.repository import ROOT
from tests.curation.release.consumers.planted import copied, rewrite, with_column
from tests.curation.release.reconstruct.filmed import encode, film, filmed, smaller
from tests.curation.release.releases import release as make_release
from tests.curation.samples import contents, make_sample

pytestmark = pytest.mark.slow
HERE = Request(pace=0, allow_private_addresses=True, wall_seconds=60)
NAMES = ("a-same", "b-flat", "b-recoded", "c-cut", "d-gone", "e-other", "f-html")  # b-flat: flat pictures


class Place:
    """The release, the site's folder as the release's videos were published, and as it is now."""

    def __init__(self, release: Path, site: Path, kept: Path) -> None:
        self.release, self.site, self._kept = release, site, kept

    def restore(self) -> None:
        """Publish the site as it is now once more."""
        shutil.copytree(self._kept, self.site, dirs_exist_ok=True)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    root = tmp_path_factory.mktemp("reconstruct")
    site, kept = root / "site", root / "kept"
    site.mkdir()
    films = {name: film(site / f"{name}.mp4", number) for number, name in enumerate(NAMES)}
    local = make_sample("g-local")  # its source is a file of its makers
    with serve(site) as base:
        paths = {name: each.path for name, each in films.items()}
        with filmed(root, paths, base, without=[local]) as (place, services):
            make_release(place, services)
        encode(site / "b-recoded.mp4", smaller(films["b-recoded"].pictures), 30)
        encode(site / "b-flat.mp4", films["b-flat"].pictures, 40)
        encode(site / "c-cut.mp4", films["c-cut"].pictures[14:-12], 26)  # 3.5 s, and 3 s at the end
        (site / "d-gone.mp4").unlink()
        film(site / "e-other.mp4", 99)
        (site / "f-html.mp4").write_text("<!doctype html><title>Sign in</title><p>Please sign in.")
        shutil.copytree(site, kept)
        yield Place(place.root / "releases" / "0.1.0", site, kept)


@pytest.fixture
def place(made: Place) -> Place:
    made.restore()
    return made


def rows(out: Path) -> dict[str, ReconstructedRow]:
    lines = (out / "reconstruct.jsonl").read_text().splitlines()
    read = [ReconstructedRow.model_validate_json(line) for line in lines]
    assert len({row.id for row in read}) == len(read)
    return {row.id: row for row in read}


@pytest.fixture(scope="module")
def out(made: Place, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished reconstruction; tests copy it."""
    made.restore()
    folder = tmp_path_factory.mktemp("done") / "out"
    reconstruct(made.release, folder, HERE)
    return folder


def test_each_video_is_verified_or_told_apart(place: Place, out: Path) -> None:
    found = rows(out)
    assert {name: row.state for name, row in found.items()} == {
        "a-same": "verified",
        "b-flat": "re-encoded",
        "b-recoded": "re-encoded",
        "c-cut": "cut",
        "d-gone": "gone",
        "e-other": "other",
        "f-html": "other",
        "g-local": "no address",
    }
    same, recoded, cut = found["a-same"], found["b-recoded"], found["c-cut"]
    assert same.sha256 == hash_file(place.site / "a-same.mp4")[0] == hash_file(out / "videos" / "a-same.mp4")[0]
    assert same.frames is not None and same.frames.listed == same.frames.equal == 16
    assert same.keyframes is not None and same.keyframes.listed == same.keyframes.equal == 4
    assert recoded.frames is not None and recoded.frames.equal == 0 and recoded.frames.missing == 0
    assert recoded.keyframes is not None and recoded.keyframes.alike == recoded.keyframes.listed == 4
    assert recoded.frames.mean_bits is not None and recoded.frames.mean_bits < 20
    assert (recoded.lost_start, recoded.lost_end, recoded.added_start, recoded.added_end) == (0, 0, 0, 0)
    assert cut.lost_start == pytest.approx(3.5, abs=0.3) and cut.lost_end == pytest.approx(3, abs=1)
    assert cut.frames is not None and cut.frames.missing >= 6 and cut.added_start == cut.added_end == 0
    assert (found["d-gone"].reason, found["f-html"].reason) == ("not_found", "not_a_video")
    assert "correlation over time" in found["e-other"].evidence and "gray levels" in found["b-flat"].evidence
    assert found["g-local"].reason == "no_address"


def test_the_folder_holds_what_it_says_and_no_more(place: Place, out: Path) -> None:
    kept = {row.file for row in rows(out).values() if row.file is not None}
    assert kept == {f"videos/{name}.mp4" for name in ("a-same", "b-flat", "b-recoded")} | {"cut/c-cut.mp4"}
    there = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    frames = {
        f"frames/{name}/{index:06d}.jpg" for name in ("a-same", "b-flat", "b-recoded") for index in (0, 5, 10, 15)
    }
    assert there == kept | frames | {"report.json", "reconstruct.jsonl", ".reconstruct/done.jsonl"}
    report = ReconstructionReport.model_validate_json((out / "report.json").read_bytes())
    assert report.states == {"verified": 1, "re-encoded": 2, "cut": 1, "gone": 1, "other": 2, "no address": 1}
    assert (report.rows, report.left, report.settings_assumed) == (8, 0, False)
    assert report.frames.listed == sum(row.frames.listed for row in rows(out).values() if row.frames is not None)
    picture = (out / "frames" / "a-same" / "000005.jpg").read_bytes()
    (path,) = [
        path
        for path in (place.release / "full").glob("*.parquet")
        if "a-same" in pq.read_table(path, columns=["id"])["id"].to_pylist()
    ]
    row = next(row for row in pq.read_table(path).to_pylist() if row["id"] == "a-same")
    assert row["keyframes"][1]["image"]["bytes"] == picture


def test_a_second_run_fetches_nothing(place: Place, out: Path, tmp_path: Path) -> None:
    again = Path(shutil.copytree(out, tmp_path / "out", copy_function=shutil.copy2))
    shutil.rmtree(place.site)  # whatever was asked for now would be gone
    place.site.mkdir()
    before = rows(again)
    reconstruct(place.release, again, HERE)
    assert rows(again) == before


def test_a_kept_file_that_was_changed_is_fetched_again(place: Place, out: Path, tmp_path: Path) -> None:
    again = Path(shutil.copytree(out, tmp_path / "out", copy_function=shutil.copy2))
    changed = again / "videos" / "a-same.mp4"
    data = bytearray(changed.read_bytes())
    data[-1] ^= 1
    changed.write_bytes(data)
    (again / "videos" / "b-recoded.mp4").unlink()
    reconstruct(place.release, again, HERE)
    assert rows(again) == rows(out)
    assert hash_file(changed)[0] == rows(out)["a-same"].sha256


def kept_frames(out: Path) -> dict[str, int]:
    return {path.name: len(list(path.iterdir())) for path in sorted((out / "frames").glob("*"))}


def test_more_frames_are_made_of_the_videos_that_are_there(
    place: Place, out: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = ("a-same", "b-flat", "b-recoded")
    again = Path(shutil.copytree(out, tmp_path / "out", copy_function=shutil.copy2))
    shutil.rmtree(place.site)  # whatever was asked for now would be gone
    place.site.mkdir()
    before, files = rows(again), contents(again / "videos")
    for keep, each in (("keyframes", 4), ("all", 16), ("keyframes", 16), ("none", 16)):
        caplog.clear()
        report = reconstruct(place.release, again, HERE._replace(keep=keep))
        assert kept_frames(again) == dict.fromkeys(names, each) and report.left == 0
        assert rows(again) == before and contents(again / "videos") == files
        assert ("3 videos of an earlier call keep more frames" in caplog.text) == (keep != "all" and each == 16)
    picture = (again / "frames" / "a-same" / "000005.jpg").read_bytes()
    shutil.rmtree(again / "frames")
    reconstruct(place.release, again, HERE)
    assert kept_frames(again) == dict.fromkeys(names, 4)
    assert (again / "frames" / "a-same" / "000005.jpg").read_bytes() == picture
    assert rows(again) == before and contents(again / "videos") == files


def test_a_journal_of_an_earlier_version_is_gone_on_with(place: Place, out: Path, tmp_path: Path) -> None:
    again = Path(shutil.copytree(out, tmp_path / "out", copy_function=shutil.copy2))
    journal = again / ".reconstruct" / "done.jsonl"
    old = [json.loads(line) for line in journal.read_text().splitlines()]
    for line in old:
        del line["keep"]  # which earlier versions did not note
    journal.write_text("".join(json.dumps(line) + "\n" for line in old))
    shutil.rmtree(place.site)
    place.site.mkdir()
    reconstruct(place.release, again, HERE)
    assert rows(again) == rows(out) and len(journal.read_text().splitlines()) == len(old)


def test_what_was_gone_is_tried_again_when_asked(place: Place, out: Path, tmp_path: Path) -> None:
    again = Path(shutil.copytree(out, tmp_path / "out", copy_function=shutil.copy2))
    shutil.copyfile(place.site / "a-same.mp4", place.site / "d-gone.mp4")
    assert reconstruct(place.release, again, HERE).states["gone"] == 1
    report = reconstruct(place.release, again, HERE._replace(again=True))
    assert "gone" not in report.states and rows(again)["d-gone"].state == "other"


def test_a_limit_leaves_the_other_rows_pending(place: Place, tmp_path: Path) -> None:
    report = reconstruct(place.release, tmp_path / "out", HERE._replace(limit=1, keep="all"))
    found = rows(tmp_path / "out")
    assert report.left == report.states["pending"] == 7 and report.rows == len(found) == 8
    (first,) = (row for row in found.values() if row.state != "pending")
    assert first.state in ("verified", "no address", "re-encoded", "cut", "other", "gone")


def test_sigterm_and_kill_lose_no_row_that_was_done(place: Place, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "flows.cli", "reconstruct", place.release, "--out", out, "--workers", "1"]
    command += ["--allow-private-addresses", "--pace", "20"]

    def stopped(number: int) -> tuple[int, str, int]:
        process = subprocess.Popen([*map(str, command)], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        before = done(out)
        until = time.monotonic() + 120
        while done(out) <= before and process.poll() is None and time.monotonic() < until:
            time.sleep(0.1)
        process.send_signal(number)
        _, told = process.communicate(timeout=60)
        return process.returncode, told, before

    code, told, before = stopped(signal.SIGTERM)
    assert code == 143 and "the same command goes on from here" in told, told
    first = rows(out)
    assert len(first) == 8 and sum(row.state == "pending" for row in first.values()) == 8 - done(out) > 0
    code, told, before = stopped(signal.SIGKILL)
    assert code == -signal.SIGKILL and done(out) > before > 0
    with (out / ".reconstruct" / "done.jsonl").open("a") as journal:
        journal.write('{"wanted": "torn')
    reconstruct(place.release, out, HERE)
    last = rows(out)
    assert "pending" not in {row.state for row in last.values()}
    assert all(last[name] == row for name, row in first.items() if row.state != "pending")
    lines = (out / ".reconstruct" / "done.jsonl").read_text().splitlines()
    assert len(lines) == 8, "no row was made twice"


def done(out: Path) -> int:
    journal = out / ".reconstruct" / "done.jsonl"
    return journal.read_bytes().count(b"\n") if journal.is_file() else 0


def test_a_full_disk_is_told_and_more_room_is_enough(place: Place, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=40k", "tmpfs", small], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        with pytest.raises(StorageFull, match="no space left"):
            reconstruct(place.release, small / "out", HERE)
        subprocess.run(["mount", "-o", "remount,size=40m", small], check=True)
        reconstruct(place.release, small / "out", HERE)
        assert rows(small / "out")["a-same"].state == "verified"
    finally:
        subprocess.run(["umount", "-l", small], check=False)


def test_addresses_of_this_machine_are_refused_unless_allowed(place: Place, tmp_path: Path) -> None:
    report = reconstruct(place.release, tmp_path / "out", HERE._replace(allow_private_addresses=False))
    assert report.states == {"no address": 1, "refused": 7}
    assert {row.reason for row in rows(tmp_path / "out").values()} == {"no_address", "address_not_allowed"}


def largest(folder: Path, configuration: str) -> str:
    path = max((folder / configuration).glob("*.parquet"), key=lambda each: each.stat().st_size)
    return path.relative_to(folder).as_posix()


def test_evil_ids_and_addresses_become_rows_with_a_reason(place: Place, tmp_path: Path) -> None:
    release = copied(place.release, tmp_path / "release")
    evil = ["../../evil", "a/b", "", "x" * 300, "a\0b", ".."]
    changed: list[str] = []

    def poisoned(table: pa.Table) -> pa.Table:
        ids = table["id"].to_pylist()
        sources = table["source"].to_pylist()
        for place_of, name in zip(range(len(ids)), evil, strict=False):
            ids[place_of] = name
            sources[place_of] = {"kind": "url", "uri": "file:///etc/passwd"}
            changed.append(name)
        table = with_column(table, "id", pa.array(ids))
        return with_column(table, "source", pa.array(sources, table.schema.field("source").type))

    rewrite(release, largest(release, "full"), poisoned)
    out = tmp_path / "deep" / "out"
    report = reconstruct(release, out, HERE._replace(allow_private_addresses=False))
    assert report.states["unusable"] == len(changed) and report.rows == 8
    lines = [json.loads(line) for line in (out / "reconstruct.jsonl").read_text().splitlines()]
    assert {line["reason"] for line in lines if line["state"] == "unusable"} <= {"bad_id", "bad_row"}
    assert {path.name for path in (tmp_path / "deep").iterdir()} == {"out"} and not (tmp_path / "evil").exists()


def test_an_address_that_is_none_is_told(place: Place, tmp_path: Path) -> None:
    release = copied(place.release, tmp_path / "release")

    def poisoned(table: pa.Table) -> pa.Table:
        kind = table.schema.field("source").type
        wrong = [{"kind": "url", "uri": "file:///etc/passwd"}, {"kind": "youtube", "uri": "http://u:p@127.0.0.1/x"}]
        sources = [wrong[number % 2] for number in range(table.num_rows)]
        return with_column(table, "source", pa.array(sources, kind))

    for path in sorted((release / "full").glob("*.parquet")):
        rewrite(release, path.relative_to(release).as_posix(), poisoned)
    report = reconstruct(release, tmp_path / "out", HERE._replace(allow_private_addresses=False))
    assert set(report.states) <= {"no address", "refused"} and report.rows == 8
    assert "u:p" not in (tmp_path / "out" / "reconstruct.jsonl").read_text()


def test_a_row_twice_is_made_once(place: Place, tmp_path: Path) -> None:
    release = copied(place.release, tmp_path / "release")
    rewrite(release, largest(release, "full"), lambda table: pa.concat_tables([table, table.slice(0, 1)]))
    lines = reconstruct(release, tmp_path / "out", HERE._replace(allow_private_addresses=False))
    assert lines.rows == 9 and lines.states["unusable"] == 1
    assert '"reason":"duplicate_id"' in (tmp_path / "out" / "reconstruct.jsonl").read_text()


def test_a_changed_release_is_refused(place: Place, tmp_path: Path) -> None:
    release = copied(place.release, tmp_path / "release")
    path = release / largest(release, "frames")
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(ConfigError, match=r"frames/.*: not the file that manifest\.json names"):
        reconstruct(release, tmp_path / "out", HERE)
    path.unlink()
    with pytest.raises(ConfigError, match=r"frames/.*: missing"):
        reconstruct(release, tmp_path / "out", HERE)
    assert not (tmp_path / "out").exists()


def test_a_manifest_that_leads_out_is_refused(place: Place, tmp_path: Path) -> None:
    release = copied(place.release, tmp_path / "release")
    document = json.loads((release / "manifest.json").read_bytes())
    document["files"][0]["path"] = "full/../../secret.parquet"
    (release / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(ConfigError, match=r"not the manifest of a release: files\.0\.path"):
        reconstruct(release, tmp_path / "out", HERE)


def test_a_folder_of_other_files_and_the_release_itself_are_refused(place: Place, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="holds other files"):
        reconstruct(place.release, tmp_path / "full", HERE)
    with pytest.raises(ConfigError, match="lies in the release"):
        reconstruct(place.release, place.release / "videos", HERE)
    assert [path.name for path in tmp_path.rglob("*")] == ["full", "mine.txt"]


def test_a_release_without_hashes_of_frames_is_judged_by_its_keyframes(place: Place, tmp_path: Path) -> None:
    """As releases of earlier versions are: no settings, no perceptual hashes."""
    release = copied(place.release, tmp_path / "release")
    for path in sorted((release / "frames").glob("*.parquet")):
        rewrite(release, path.relative_to(release).as_posix(), lambda table: table.drop_columns(["phash"]))
    document = json.loads((release / "manifest.json").read_bytes())
    del document["media"]
    (release / "manifest.json").write_text(json.dumps(document))
    report = reconstruct(release, tmp_path / "out", HERE)
    found = rows(tmp_path / "out")
    assert report.settings_assumed and found["a-same"].state == "verified"
    assert (found["b-recoded"].state, found["e-other"].state) == ("re-encoded", "other")
    assert found["b-recoded"].frames is not None and found["b-recoded"].frames.missing == 12


def test_the_command_prints_a_table_or_json(place: Place, out: Path, tmp_path: Path) -> None:
    from tests.runs import in_process

    again = Path(shutil.copytree(out, tmp_path / "out", copy_function=shutil.copy2))
    shown = in_process("reconstruct", place.release, "--out", again)
    assert shown.returncode == 0, shown.stderr
    assert "  verified          1" in shown.stdout and "frames       " in shown.stdout and "16 equal" in shown.stdout
    told = in_process("reconstruct", place.release, "--out", again, "--json")
    assert json.loads(told.stdout)["states"]["cut"] == 1
    wrong = in_process("reconstruct", tmp_path, "--out", again)
    assert wrong.returncode == 2 and "no release here" in wrong.stderr


def test_a_file_that_another_row_has_just_taken_is_not_stored(tmp_path: Path) -> None:
    """Between the check of the stored file and its move. `make_row` fetches it again after NotStored."""
    wanted, tools, video = SimpleNamespace(id="a"), SimpleNamespace(out=tmp_path), SimpleNamespace(extension="mp4")
    with pytest.raises(NotStored, match="another row"):
        _keep_video(wanted, tools, video, tmp_path / "gone.mp4", "verified")
