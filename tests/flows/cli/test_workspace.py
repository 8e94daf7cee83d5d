"""What the commands about a workspace say to somebody who asks wrongly, or who copied half of it."""

from __future__ import annotations

import json
import shlex
import tarfile
from contextlib import closing
from pathlib import Path

import pytest
import typer

from curation.workspace import Workspace
from flows.cli.app import guarded
from schemas.configuration.loading import load_config
from schemas.errors import ConfigError
from schemas.records import Origin, Rejection, Source
from schemas.repository import ROOT
from tests.runs import CONFIG, in_process

ARCHIVE = ROOT / "tests" / "curation" / "pipeline" / "data" / "workspace-0.1.tar.xz"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A workspace with two samples and two rejections, in a folder with a space in its name."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path / "my run", filter="data")
    return tmp_path / "my run"


def test_an_id_that_names_no_video_or_several_is_answered_with_where_ids_stand(place: Path) -> None:
    done = in_process("explain", place, "nothing")
    assert done.returncode == 2 and "names no video" in done.stderr and "rejections.jsonl" in done.stderr


def test_a_title_of_several_videos_is_answered_with_all_ids_and_no_more(tmp_path: Path) -> None:
    place = Workspace(tmp_path / "w")
    with closing(place.ledger()) as ledger:
        origin = Origin(list_name="list.csv", row=1)
        ledger.register(
            Source(id=f"v{n}", kind="url", uri=f"https://h.example/{n}", title="alike", origin=origin) for n in range(2)
        )
    place.save_config(load_config(CONFIG))
    done = in_process("explain", place.root, "alike")
    assert done.returncode == 2 and done.stderr.endswith("give one of the ids v0, v1\n")


def test_what_a_filter_did_not_measure_is_not_shown_as_none(place: Path) -> None:
    ids = [json.loads(line)["id"] for line in (place / "export" / "rejections.jsonl").read_text().splitlines()]
    status = in_process("status", place)
    assert status.returncode == 0, status.stderr
    samples = [row["id"] for path in (place / "export" / "json").glob("*.json") for row in json.loads(path.read_text())]
    for video in [*ids, *samples]:
        done = in_process("explain", place, video)
        assert done.returncode == 0 and "None passed" not in done.stdout, done.stdout
    assert "blocklist  passed" in done.stdout


def test_a_workspace_without_its_configuration_says_what_to_copy(place: Path) -> None:
    (place / "config.json").unlink()
    for command in ("status", "export"):
        done = in_process(command, place)
        assert done.returncode == 2 and "config.json is missing" in done.stderr and "v2xum curate" in done.stderr


def test_a_command_in_a_message_can_be_typed_as_it_stands(place: Path) -> None:
    assert in_process("backup", place).returncode == 0
    (place / "ledger.sqlite").unlink()
    done = in_process("repair", place)
    assert done.returncode == 0, done.stderr
    assert f"--workspace {shlex.quote(str(place))}`" in done.stdout


@pytest.mark.parametrize(
    ("error", "told"), [(RuntimeError("can't start new thread"), True), (OSError(24, "Too many open files"), False)]
)
def test_a_lack_of_memory_or_threads_says_which_limits_there_are(
    error: Exception, told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    @guarded
    def command() -> None:
        raise error

    with pytest.raises(typer.Exit) as raised:
        command()
    said = capsys.readouterr().err
    assert raised.value.exit_code == 1 and "finished results are kept" in said
    assert ("ulimit -v" in said) is told


@pytest.mark.parametrize("command", ["curate", "plan"])
def test_a_source_that_is_given_replaces_one_of_the_configuration_that_is_gone(place: Path, command: str) -> None:
    canaries = f"binding.canary_pictures={ROOT / 'data' / 'demo' / 'canaries'}"
    arguments = (command, place / "config.json", "--workspace", place, "--set", canaries)
    gone = in_process(*arguments)
    assert gone.returncode == 2 and "or give --source" in gone.stderr
    given = in_process(*arguments, "--source", place / "nothing.mp4")
    assert given.returncode == 2 and "nothing.mp4" in given.stderr and "/tmp/fx/films" not in given.stderr


@pytest.mark.parametrize("command", ["explain", "retry"])
def test_the_former_order_of_arguments_is_answered_with_the_right_one(place: Path, command: str) -> None:
    done = in_process(command, "videos.csv:3", place)
    assert done.returncode == 2
    assert (
        done.stderr == f"v2xum: the workspace comes first: v2xum {command} {shlex.join([str(place), 'videos.csv:3'])}\n"
    )


@pytest.mark.parametrize(
    "words", [["status"], ["explain", "film"], ["retry"], ["export"], ["report"], ["backup"], ["repair"], ["check"]]
)
def test_a_folder_that_holds_a_workspace_is_taken_for_it(place: Path, tmp_path: Path, words: list[str]) -> None:
    (tmp_path / "demo").mkdir()
    place.rename(tmp_path / "demo" / "workspace")
    command, *rest = words
    there, folder = (in_process(command, tmp_path / at, *rest) for at in ("demo/workspace", "demo"))
    assert there.returncode == folder.returncode and "no workspace" not in folder.stderr
    assert folder.stderr == there.stderr.replace("demo/workspace", "demo") or command != "explain"
    assert {path.name for path in (tmp_path / "demo").iterdir()} == {"workspace"}


def test_where_there_is_no_workspace_those_below_are_named(place: Path, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    place.rename(tmp_path / "runs" / "mine")
    done = in_process("status", tmp_path / "runs")
    assert done.returncode == 2 and f"no workspace here; below it: {tmp_path / 'runs' / 'mine'}\n" in done.stderr


@pytest.mark.parametrize(
    ("option", "value", "told"),
    [
        ("--reason", "too_shrt", "did you mean 'too_short'? (known here: "),
        ("--stage", "captoin", "did you mean 'caption'?"),
        ("--class", "poisson", "did you mean 'poison'?"),
        ("--reason", "unsupported", "its audit refuses the summary"),
    ],
)
def test_an_option_of_retry_that_names_nothing_is_refused(place: Path, option: str, value: str, told: str) -> None:
    done = in_process("retry", place, option, value)
    assert done.returncode == 2 and told in done.stderr


def test_a_rejected_row_is_explained_by_its_list_and_number(tmp_path: Path) -> None:
    place = Workspace(tmp_path / "w")
    origin = Origin(list_name="lists/a.csv", row=2)
    with closing(place.ledger()) as ledger:
        evidence = "lists/a.csv row 12, line 13: it has no address"
        row = Rejection(id="row1", stage="source", error_class="permanent", reason="no_address", evidence=evidence)
        ledger.register([Source(id="v2", kind="url", uri="https://h.example/2", origin=origin), row])
    place.save_config(load_config(CONFIG))
    for name in ("lists/a.csv:12", "a.csv:12", "a.csv row 12", "a.csv, row 12"):
        done = in_process("explain", place.root, name)
        assert done.returncode == 0 and "row1: rejected" in done.stdout, done.stderr
    assert "v2: pending" in in_process("explain", place.root, "a.csv:2").stdout
    assert in_process("explain", place.root, "a.csv:1").returncode == 2


def test_lines_of_a_message_keep_their_indent(capsys: pytest.CaptureFixture[str]) -> None:
    @guarded
    def command() -> None:
        raise ConfigError("another dataset:\n  extract.max_tokens: 64 -> 65")

    with pytest.raises(typer.Exit):
        command()
    assert capsys.readouterr().err == "v2xum: another dataset:\nv2xum:   extract.max_tokens: 64 -> 65\n"


def test_the_version_is_told() -> None:
    done = in_process("--version")
    assert done.returncode == 0 and done.stdout.startswith("v2xum-curator ") and done.stdout.count("\n") == 1


def test_one_video_is_no_plural(tmp_path: Path) -> None:
    place = Workspace(tmp_path / "w")
    with closing(place.ledger()) as ledger:
        origin = Origin(list_name="list.csv", row=1)
        ledger.register([Source(id="v1", kind="url", uri="https://h.example/1", origin=origin)])
    place.save_config(load_config(CONFIG))
    assert in_process("status", place.root).stdout.startswith("1 video: 0 samples, ")


def test_the_status_of_a_folder_that_holds_a_workspace_has_the_findings_of_its_report(
    place: Path, tmp_path: Path
) -> None:
    (tmp_path / "demo").mkdir()
    place.rename(tmp_path / "demo" / "workspace")
    assert in_process("report", tmp_path / "demo").returncode == 0
    inner, outer = (in_process("status", tmp_path / at, "--json") for at in ("demo/workspace", "demo"))
    assert json.loads(inner.stdout)["findings"] and outer.stdout == inner.stdout
