"""Trouble with a file system is a sentence; and a workspace that nobody may write to is read without writing."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from curation.dataset.export import export_workspace
from curation.ledger.claims import new_owner
from curation.store.files import hold_folder
from flows.cli.app import guarded
from schemas.repository import ROOT
from tests.curation.finished import finished
from tests.curation.samples import make_sample
from tests.runs import CONFIG, in_process, shards

# Root may write everywhere, unless it drops that right.
AS_A_USER = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"] if os.geteuid() == 0 else []


CALLS = """
import json, sys
from tests.runs import in_process
calls = [in_process(*words) for words in json.loads(sys.argv[1])]
print(json.dumps([[done.returncode, done.stdout, done.stderr] for done in calls]))
"""


def call(read_only: Path, *commands: list[object]) -> list[subprocess.CompletedProcess[str]]:
    """Call the command line for each command, as a user for whom permissions count where these forbid to write."""
    if read_only.is_mount():  # nobody may write there
        return [in_process(*words) for words in commands]
    words = json.dumps([list(map(str, command)) for command in commands])
    command = [*AS_A_USER, sys.executable, "-c", CALLS, words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return [subprocess.CompletedProcess(words, *one) for one in json.loads(done.stdout)]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A workspace of two samples with its export; its ledger names a run of this process."""
    with finished(tmp_path / "w", [make_sample(f"v{n}") for n in range(2)]) as (workspace, services):
        export_workspace(workspace, services)
        services.ledger.replace_property("running", json.dumps(["name", new_owner(), 0]))
    return tmp_path / "w"


@pytest.fixture(params=["permissions", "mount"])
def read_only(place: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """The same, in which nobody may write: by its permissions, or since it is mounted so."""
    if request.param == "mount":
        for options in (["--bind", place], ["-o", "remount,ro,bind"]):
            if subprocess.run(["mount", *options, place], capture_output=True, check=False).returncode:
                pytest.skip("mounting needs root")
        yield place
        subprocess.run(["umount", place], check=True)
        return
    folders = [place, *(path for path in place.rglob("*") if path.is_dir())]
    for path in (*folders, *(path for path in place.rglob("*") if path.is_file())):
        path.chmod(path.stat().st_mode & ~0o222)
    yield place
    for path in folders:
        path.chmod(0o755)


def seen(folder: Path) -> dict[str, int]:
    """Every file and folder with the time of its last change."""
    return {str(path.relative_to(folder)): path.lstat().st_mtime_ns for path in (folder, *folder.rglob("*"))}


@pytest.mark.slow
def test_a_workspace_that_nobody_may_write_to_is_read(read_only: Path, tmp_path: Path) -> None:
    before = seen(read_only)
    with hold_folder(read_only):
        status, explained, checked, done = call(
            read_only,
            ["status", read_only, "--json"],
            ["explain", read_only, "v0"],
            ["check", read_only],
            ["export", read_only, "--to", tmp_path / "out"],
        )
    told = json.loads(status.stdout)
    assert told["run"]["owner"]["process"] == os.getpid()  # who holds the folder, though the ledger is a copy
    assert (told["videos"], told["samples"]) == (2, 2)
    assert "v0: sample" in explained.stdout and "sound: 2 samples" in checked.stdout
    assert done.returncode == 0, done.stderr
    (tmp_path / "out").rename(tmp_path / "export")
    assert shards(tmp_path) == shards(read_only)
    assert seen(read_only) == before


@pytest.mark.slow
def test_what_would_write_there_says_so_and_what_reads(read_only: Path) -> None:
    writing: list[list[object]] = [["retry"], ["report"], ["export"], ["repair"], ["backup"], ["review", "report"]]
    new = read_only / "deeper" / "w"
    curate: list[object] = ["curate", CONFIG, "--source", CONFIG.parent, "--workspace", new]
    *written, done = call(read_only, *([*words, read_only] for words in writing), curate)
    assert len(written) == len(writing)
    for one in written:
        assert one.returncode == 1 and "Traceback" not in one.stderr, one.stderr
        assert f"v2xum: {read_only}/" in one.stderr and "`export --to DIR` only read" in one.stderr
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"v2xum: {read_only / 'deeper'}" in done.stderr


def test_an_export_elsewhere_is_the_same_and_leaves_the_workspace_alone(place: Path, tmp_path: Path) -> None:
    before = seen(place)
    done = in_process("export", place, "--to", tmp_path / "out")
    assert done.returncode == 0 and f"2 samples in {tmp_path / 'out'}" in done.stdout, done.stderr
    assert seen(place) == before
    (tmp_path / "out").rename(tmp_path / "export")
    assert shards(tmp_path) == shards(place)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("mine")
    done = in_process("export", place, "--to", tmp_path / "mine")
    assert done.returncode == 2 and "holds files that are not an export" in done.stderr


def test_an_export_elsewhere_loses_no_sample_without_a_word(place: Path, tmp_path: Path) -> None:
    for picture in (place / "store" / "frames").rglob("*.jpg"):
        picture.unlink()
    done = in_process("export", place, "--to", tmp_path / "out")
    assert done.returncode == 1 and "would lose 2 of its samples" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["file", "x" * 300, "file/below", "loop"])
@pytest.mark.parametrize(
    "words",
    [
        *(["status"], ["retry"], ["export"], ["report"], ["backup"], ["repair"], ["check"], ["review", "pull"]),
        ["curate", CONFIG, "--source", CONFIG.parent, "--workspace"],
        ["plan", CONFIG, "--source", CONFIG.parent, "--workspace"],
    ],
    ids=lambda words: " ".join(map(str, words[:2])).partition("/")[0],
)
def test_a_place_that_can_be_no_workspace_is_answered_in_a_sentence(
    words: list[object], name: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    done = in_process(*words, tmp_path / name)  # an error that is no sentence is raised here
    assert done.returncode in (1, 2) and name[:40] in done.stderr + done.stdout
    assert (tmp_path / "file").read_text() == "not a folder"


def test_a_ledger_that_only_its_owner_may_read_is_told_as_such(read_only: Path) -> None:
    if read_only.stat().st_mode & 0o222:
        return  # a mount does not change who may read
    (read_only / "ledger.sqlite").chmod(0)
    (done,) = call(read_only, ["status", read_only])
    assert done.returncode == 2 and "only its owner may" in done.stderr, done.stderr


@pytest.mark.parametrize(("number", "words"), [(errno.EDQUOT, "quota"), (errno.ENOSPC, "no space left")])
def test_a_full_disk_and_a_quota_have_their_own_words(
    number: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @guarded
    def command() -> None:
        raise OSError(number, os.strerror(number), "/data/a")

    with pytest.raises(typer.Exit):
        command()
    said = capsys.readouterr().err
    assert f"/data/a: {'the disk ' if words == 'quota' else ''}{words}" in said and "make room" in said


def test_no_error_of_the_system_ends_a_command_with_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    @guarded
    def command(number: int) -> None:
        raise OSError(number, os.strerror(number), "/data/a")

    for number in errno.errorcode.keys() - {errno.EPIPE}:  # for that one click ends the command
        with pytest.raises(typer.Exit) as raised:
            command(number)
        assert raised.value.exit_code == 1 and capsys.readouterr().err.startswith("v2xum: ")


@pytest.mark.slow
def test_a_full_disk_and_a_closed_pipe_behind_the_output(place: Path) -> None:
    command = [sys.executable, "-m", "flows.cli", "status", str(place)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1 and "no space left" in done.stderr and "Traceback" not in done.stderr
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, cwd=ROOT, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
