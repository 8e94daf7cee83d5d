"""A backup is one consistent file, made beside a run; it is checked, and it never replaces what it should not."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from curation.ledger.databases import FILE
from curation.ledger.ledger import Ledger
from curation.ledger.recovery.backup import PLACE, back_up
from curation.workspace import Workspace
from models.chat import Reply
from schemas.errors import ConfigError, LedgerDamaged
from tests.curation.scripted_stages import Works, run_all, sources


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    place = Workspace(tmp_path / "w")
    with closing(place.ledger()) as ledger:
        run_all(ledger, ledger.register(sources(3)), Works())
    return place


def test_it_is_one_file_with_every_row_that_only_its_owner_reads(place: Workspace) -> None:
    with closing(place.ledger()) as ledger:
        ledger.put_replies({"k": Reply("in the log", "stop", 1, 1)}, "m")
        made = back_up(place.root)
        assert made.file == place.root / PLACE and made.rows["replies"] == 1 and made.rows["results"] == 24
    assert [path.name for path in made.file.parent.iterdir()] == ["ledger.sqlite"]
    assert made.file.stat().st_mode & 0o777 == 0o600
    with closing(Ledger(f"sqlite:///{made.file}")) as copy:
        assert copy.get_replies(["k"])["k"].text == "in the log"


def test_it_is_consistent_while_others_write(place: Workspace) -> None:
    """Pairs of replies are stored together: a backup holds both or none, and writers never wait for it for long."""
    stop = threading.Event()

    def write() -> None:
        with closing(place.ledger()) as ledger:
            for number in range(10**6):
                if stop.is_set():
                    return
                pair = {f"{number}-{side}": Reply("x" * 500, "stop", 1, 1) for side in "ab"}
                ledger.put_replies(pair, "m")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        grown = []
        for number in range(4):
            made = back_up(place.root, place.root.parent / f"{number}.sqlite")
            with closing(sqlite3.connect(made.file)) as copy:
                keys = [row[0] for row in copy.execute("SELECT key FROM replies")]
            assert len(keys) % 2 == 0 and {key[:-1] + "b" for key in keys if key.endswith("a")} <= set(keys)
            grown.append(len(keys))
    finally:
        stop.set()
        writer.join()
    assert grown == sorted(grown) and grown[-1] > grown[0]


def test_a_damaged_ledger_does_not_replace_a_good_backup(place: Workspace) -> None:
    back_up(place.root)
    before = (place.root / PLACE).read_bytes()
    with closing(sqlite3.connect(place.root / FILE)) as connection:
        connection.execute("UPDATE results SET payload = '{}' WHERE stage = 'frames' AND video_id = 'v001'")
        connection.commit()
    with pytest.raises(LedgerDamaged, match=r"no backup was made.*results .v001 frames.*older backup stays"):
        back_up(place.root)
    assert (place.root / PLACE).read_bytes() == before
    assert [path.name for path in (place.root / "backup").iterdir()] == ["ledger.sqlite"]


def test_nothing_else_is_overwritten(place: Workspace, tmp_path: Path) -> None:
    other = Workspace(tmp_path / "other")
    other.ledger().close()
    (tmp_path / "text").write_text("precious")
    for file, why in (
        (tmp_path / "text", "not a backup of a ledger"),
        (other.root / FILE, "the backup of another workspace"),
        (place.root / FILE, "the ledger of a workspace itself"),
        (tmp_path, "not a backup of a ledger"),
    ):
        with pytest.raises(ConfigError, match=f"{file} .*{why}"):
            back_up(place.root, file)
    assert (tmp_path / "text").read_text() == "precious"
    for _ in range(2):
        back_up(place.root, tmp_path / "new" / "b.sqlite")


def test_an_older_state_does_not_replace_the_backup_of_a_later_one(place: Workspace, tmp_path: Path) -> None:
    behind = Workspace(tmp_path / "behind")
    shutil.copytree(place.root, behind.root)
    with closing(place.ledger()) as ledger:
        ledger.put_replies({"k": Reply("newer", "stop", 1, 1)}, "m")
    kept = back_up(place.root, tmp_path / "kept.sqlite").file
    before = kept.read_bytes()
    with pytest.raises(ConfigError, match=r"kept\.sqlite has a later state of this ledger"):
        back_up(behind.root, kept)
    assert kept.read_bytes() == before
    back_up(place.root, kept)
