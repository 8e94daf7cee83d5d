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
from schemas.records import Origin, Source
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
    done = in_process("explain", "nothing", place)
    assert done.returncode == 2 and "names no video" in done.stderr and "rejections.jsonl" in done.stderr


def test_a_title_of_several_videos_is_answered_with_all_ids_and_no_more(tmp_path: Path) -> None:
    place = Workspace(tmp_path / "w")
    with closing(place.ledger()) as ledger:
        origin = Origin(list_name="list.csv", row=1)
        ledger.register(
            Source(id=f"v{n}", kind="url", uri=f"https://h.example/{n}", title="alike", origin=origin) for n in range(2)
        )
    place.save_config(load_config(CONFIG))
    done = in_process("explain", "alike", place.root)
    assert done.returncode == 2 and done.stderr.endswith("give one of the ids v0, v1\n")


def test_what_a_filter_did_not_measure_is_not_shown_as_none(place: Path) -> None:
    ids = [json.loads(line)["id"] for line in (place / "export" / "rejections.jsonl").read_text().splitlines()]
    status = in_process("status", place)
    assert status.returncode == 0, status.stderr
    samples = [row["id"] for path in (place / "export" / "json").glob("*.json") for row in json.loads(path.read_text())]
    for video in [*ids, *samples]:
        done = in_process("explain", video, place)
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
