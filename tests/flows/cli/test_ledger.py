"""`v2xum backup` and `repair`, and what the other commands say to a ledger that is not what was stored."""

from __future__ import annotations

import json
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest

from curation.ledger.tables import unpacked
from schemas.repository import ROOT
from tests.runs import in_process, shards

ARCHIVE = ROOT / "tests" / "curation" / "pipeline" / "data" / "workspace-0.1.tar.xz"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A workspace with two samples, two rejections and their export."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path / "w", filter="data")
    return tmp_path / "w"


def standing(place: Path) -> dict[str, int]:
    """How many videos stand where, and how many have captions."""
    done = in_process("status", place, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["videos"] == 4
    return {"captions": answer["stages"]["caption"]["done"]} | {
        name: answer[name] for name in ("samples", "rejected", "pending", "retryable")
    }


@pytest.mark.parametrize("opened_before", [True, False])
def test_an_empty_ledger_replaces_no_dataset(place: Path, opened_before: bool) -> None:
    if opened_before:
        assert standing(place)["captions"] == 2
    (place / "ledger.sqlite").write_bytes(b"")
    exported = shards(place)
    for command in ("status", "export", "report"):
        done = in_process(command, place)
        assert done.returncode == 1
        assert "ledger.sqlite is empty, and this workspace had a ledger with rows" in done.stderr
    assert shards(place) == exported


def test_from_a_backup_to_a_loss_and_back(place: Path) -> None:
    before = standing(place)
    (place / "review").mkdir()
    (place / "review" / "pseudonyms.key").write_text("secret")
    done = in_process("backup", place)
    assert done.returncode == 0, done.stderr
    assert "4 sources, 19 results" in done.stdout and "not in it, because it is secret" in done.stdout
    assert b"secret" not in (place / "backup" / "ledger.sqlite").read_bytes()
    exported = shards(place)
    (place / "ledger.sqlite").write_bytes(b"nothing of a ledger" * 500)
    done = in_process("status", place)
    assert done.returncode == 1 and f"v2xum repair {place}" in done.stderr
    done = in_process("repair", place, "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["added"]["results"] == 19 and answer["kept_in"] == str(place / "ledger.damaged-1")
    assert standing(place) == before
    assert "the ledger is sound: 4 sources, 19 results" in in_process("repair", place).stdout
    assert shards(place) == exported


def test_altered_captions_are_not_shown_and_what_is_lost_is_said(place: Path) -> None:
    assert standing(place)["captions"] == 2
    exported = shards(place)
    with closing(sqlite3.connect(place / "ledger.sqlite")) as connection:
        connection.create_function("plain", 1, lambda kept: unpacked(kept) if isinstance(kept, bytes) else kept)
        altered = "replace(plain(payload), 'circle', 'square')"
        connection.execute(f"UPDATE results SET payload = {altered} WHERE stage = 'caption'")
        (video,) = connection.execute("SELECT video_id FROM results WHERE payload LIKE '%square%' LIMIT 1").fetchone()
        connection.commit()
    done = in_process("explain", place, video)
    assert done.returncode == 1 and f"the result of caption for video {video}" in done.stderr
    assert shards(place) == exported
    done = in_process("repair", place)
    assert done.returncode == 0, done.stderr
    assert "lost       results: " in done.stdout and "its checksum differs" in done.stdout
    assert f"old files  {place / 'ledger.damaged-1'}" in done.stdout
    assert standing(place)["captions"] < 2
    assert in_process("explain", place, video).returncode == 0


def test_an_older_ledger_is_taken_only_if_it_is_wanted(place: Path) -> None:
    stood = standing(place)
    before = (place / "ledger.sqlite").read_bytes()
    assert in_process("retry", place, "--class", "permanent").returncode == 0
    (place / "ledger.sqlite").write_bytes(before)
    done = in_process("status", place)
    assert done.returncode == 1 and "is older than the one that this workspace had" in done.stderr
    assert in_process("repair", place, "--accept", "--from", "x").returncode == 2
    done = in_process("repair", place, "--accept")
    assert done.returncode == 0 and "with 4 videos" in done.stdout, done.stderr
    assert json.loads(in_process("repair", place, "--accept", "--json").stdout) == {"accepted": True, "videos": 4}
    assert standing(place) == stood


def test_where_there_is_no_workspace_nothing_is_made(tmp_path: Path) -> None:
    for command in ("backup", "repair"):
        done = in_process(command, tmp_path / "none")
        assert done.returncode == 2 and "no workspace here" in done.stderr
    assert not (tmp_path / "none").exists()
