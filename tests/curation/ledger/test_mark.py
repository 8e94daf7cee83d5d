"""A workspace knows its ledger: an empty, damaged, exchanged or older one is refused by name, with the way out.

Everything here is done to real files: what an editor, a copy, a bad disk or a kill leaves.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from curation.ledger import mark as marks
from curation.ledger.databases import LEDGER, open_ledger
from curation.ledger.ledger import Ledger
from curation.ledger.mark import MARK, read_mark
from curation.ledger.recovery.backup import back_up
from curation.ledger.recovery.repair import repair
from curation.ledger.schema import GENERATION
from curation.ledger.stages import STAGES
from curation.workspace import Workspace
from models.chat import Reply
from schemas.errors import ConfigError, LedgerDamaged
from tests.curation.scripted_stages import Works, run_all, sources
from tests.postgres import closing_engine, text_of

VIDEOS = 60


def work(ledger: Ledger, count: int) -> list[str]:
    ids = ledger.register(sources(count))
    run_all(ledger, ids, Works())
    return ids


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    """A workspace in which some videos are finished."""
    place = Workspace(tmp_path / "w")
    with closing(place.ledger()) as ledger:
        work(ledger, VIDEOS)
    return place


def known(place: Workspace) -> int:
    with closing(place.ledger()) as ledger:
        return len(list(ledger.sources()))


def ledger_file(place: Workspace) -> Path:
    return place.root / "ledger.sqlite"


def write_at(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as stream:
        stream.seek(offset)
        stream.write(content)


def another(place: Workspace) -> Path:
    """The ledger of another workspace, further than this one."""
    other = Workspace(place.root.parent / "other")
    with closing(other.ledger()) as ledger:
        for _ in range(9):
            ledger.set_property(f"p{_}", "x")
        work(ledger, VIDEOS)
    return ledger_file(other)


def noise(size: int) -> bytes:
    return random.Random(7).randbytes(size)


DAMAGES: dict[str, tuple[Callable[[Path, Workspace], object], str]] = {
    "0 bytes": (lambda file, _: file.write_bytes(b""), "is empty, and this workspace had a ledger"),
    "missing": (lambda file, _: file.unlink(), "is missing, and this workspace had a ledger"),
    "garbage": (lambda file, _: file.write_bytes(noise(5000)), "not a SQLite database"),
    "ten bytes": (lambda file, _: file.write_bytes(noise(10)), "not a SQLite database"),
    "a text": (lambda file, _: file.write_text("hello " * 99), "not a SQLite database"),
    "half": (lambda file, _: os.truncate(file, file.stat().st_size // 2), "cut off"),
    "without the last byte": (lambda file, _: os.truncate(file, file.stat().st_size - 1), "cut off"),
    "the magic": (lambda file, _: write_at(file, 3, b"X"), "not a SQLite database"),
    "the page size": (lambda file, _: write_at(file, 16, b"\x12\x35"), "its header is damaged"),
    "the list of tables": (lambda file, _: write_at(file, 100, noise(3000)), "damaged"),
    "pages in the middle": (
        lambda file, _: write_at(file, file.stat().st_size // 2 // 4096 * 4096, noise(20_000)), "pages are damaged",
    ),
    "another workspace's": (lambda file, place: shutil.copy(another(place), file), "but another one's"),
    "a log of noise": (
        lambda file, _: file.with_name("ledger.sqlite-wal").write_bytes(noise(9000)), "not its write-ahead log",
    ),
    "no tables": (lambda file, _: (file.unlink(), sqlite3.connect(file).execute("PRAGMA user_version=1")), "another"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_named_with_the_file_and_the_way_out(place: Workspace, damage: str) -> None:
    harm, words = DAMAGES[damage]
    harm(ledger_file(place), place)
    for _ in range(2):  # the refusal changes nothing
        with pytest.raises(LedgerDamaged, match=rf"{place.root}/ledger\.sqlite.*{words}.*v2xum repair"):
            place.ledger()


def test_every_flipped_bit_is_noticed_or_harmless(place: Workspace) -> None:
    """No bit may end in a traceback, or change what is read without a word."""
    with closing(place.ledger()) as ledger:
        ids = [source.id for source in ledger.sources()]
        right = sorted(ledger.payloads(ids, STAGES.names))
    whole, rng, refused = ledger_file(place).read_bytes(), random.Random(5), 0
    for _ in range(60):
        at = rng.randrange(len(whole))
        damaged = bytearray(whole)
        damaged[at] ^= 1 << rng.randrange(8)
        ledger_file(place).write_bytes(damaged)
        try:
            with closing(place.ledger()) as ledger:
                found = sorted(ledger.payloads(ids, STAGES.names))
            # A row may get lost by its key or its flag; the video is due again then. None may read otherwise.
            assert set(found) <= set(right)
        except (LedgerDamaged, ConfigError):
            refused += 1
    assert refused > 10


def test_the_first_opening_of_a_workspace_of_before_sees_that_it_had_rows(place: Workspace) -> None:
    for name in (MARK, "ledger.sqlite"):
        (place.root / name).unlink()
    (place.root / "config.json").write_text("{}")
    with pytest.raises(LedgerDamaged, match="is missing, and this workspace had a ledger with rows"):
        place.ledger()
    (place.root / "config.json").unlink()
    assert known(place) == 0
    (place.root / MARK).unlink()
    (place.root / "export").mkdir()
    (place.root / "export" / "manifest.json").write_text("{}")
    with pytest.raises(LedgerDamaged, match="has no rows, and this workspace has exported a dataset"):
        place.ledger()


def test_a_copy_without_the_log_is_refused_and_one_with_it_has_every_row(place: Workspace) -> None:
    with closing(place.ledger()) as ledger:
        work(ledger, VIDEOS + 5)
        assert (place.root / "ledger.sqlite-wal").stat().st_size > 0
        for name, ignored in (("short", ("*-wal", "*-shm")), ("whole", ())):
            shutil.copytree(place.root, place.root.parent / name, ignore=shutil.ignore_patterns(*ignored))
    with pytest.raises(LedgerDamaged, match=r"short/ledger\.sqlite is older.*write-ahead log"):
        Workspace(place.root.parent / "short").ledger()
    assert known(Workspace(place.root.parent / "whole")) == VIDEOS + 5


def test_a_file_that_was_copied_alone_is_taken_only_if_it_is_wanted(place: Workspace, tmp_path: Path) -> None:
    alone, restored = Workspace(tmp_path / "alone"), Workspace(tmp_path / "restored")
    alone.root.mkdir()
    restored.root.mkdir()
    with closing(place.ledger()) as ledger:
        work(ledger, VIDEOS + 5)
        shutil.copy(ledger_file(place), alone.root)
        back_up(place.root, ledger_file(restored))
    for _ in range(2):
        with pytest.raises(LedgerDamaged, match=r"stands here without its ledger\.mark"):
            alone.ledger()
    repaired = repair(alone.root)
    assert repaired.sound and "perhaps the newest rows" in repaired.lost[0]
    assert known(alone) == VIDEOS
    assert repair(alone.root, ledger_file(restored)).added["sources"] == 5
    assert known(restored) == VIDEOS + 5  # a backup has every row in its one file


def test_an_older_copy_is_refused_and_may_be_accepted(place: Workspace) -> None:
    kept = place.root.parent / "kept.sqlite"
    shutil.copy(ledger_file(place), kept)
    with closing(place.ledger()) as ledger:
        ledger.put_replies({"k": Reply("a", "stop", 1, 1)}, "m")  # the least that can happen
    shutil.copy(kept, ledger_file(place))
    with pytest.raises(
        LedgerDamaged, match=r"is older than the one that this workspace had \(change \d+, and it had come to \d+\)"
    ):
        place.ledger()
    open_ledger(place.root, accept=True).close()
    assert known(place) == VIDEOS


def test_an_old_log_beside_a_newer_file_is_noticed(place: Workspace) -> None:
    log, kept = place.root / "ledger.sqlite-wal", place.root.parent / "log"
    with closing(place.ledger()) as ledger:
        ledger.register(sources(VIDEOS + 1))
        shutil.copy(log, kept)
    with closing(place.ledger()) as ledger:
        work(ledger, VIDEOS + 9)
    shutil.copy(kept, log)
    with pytest.raises(LedgerDamaged, match=r"older|damaged"):
        place.ledger()


def test_a_moved_workspace_opens_and_reading_changes_no_mark(place: Workspace) -> None:
    before = (place.root / MARK).read_bytes()
    moved = Workspace(place.root.rename(place.root.with_name("moved")))
    assert known(moved) == VIDEOS
    assert (moved.root / MARK).read_bytes() == before


ENDLESS = f'{{"ledger": "{"0" * 32}", "generation": Infinity, "place": "p", "logged": false}}'
UNREADABLE = ["", "{}", "[]", '{"ledger": "x", "generation": 1, "place": "p"}', "\0", "null", ENDLESS, "[" * 100_000]


@pytest.mark.parametrize("text", UNREADABLE, ids=range(len(UNREADABLE)))
def test_a_mark_that_is_damaged_is_named(place: Workspace, text: str) -> None:
    (place.root / MARK).write_text(text)
    with pytest.raises(LedgerDamaged, match=rf"{place.root}/ledger\.mark: not readable.*--accept"):
        place.ledger()
    open_ledger(place.root, accept=True).close()
    assert known(place) == VIDEOS


def test_the_mark_follows_at_once_and_then_by_the_second(place: Workspace) -> None:
    before = read_mark(place.root)
    with closing(place.ledger()) as ledger:
        for number in range(20):
            ledger.put_replies({f"{number}": Reply("a", "stop", 1, 1)}, "m")
        mark = read_mark(place.root)
        assert before is not None and mark is not None
        assert before.generation < mark.generation == int(ledger.property(GENERATION) or 0) < before.generation + 10
    after = read_mark(place.root)
    assert after is not None and after.generation > mark.generation  # what came since is counted when it closes


def test_a_mark_that_cannot_be_written_stops_nothing(place: Workspace, caplog: pytest.LogCaptureFixture) -> None:
    with closing(place.ledger()) as ledger:
        (place.root / MARK).unlink()
        (place.root / MARK).mkdir()
        ledger.put_replies({"k": Reply("a", "stop", 1, 1)}, "m")
        assert ledger.get_replies(["k"])
    assert "ledger.mark: not brought up to date" in caplog.text


@pytest.mark.parametrize("room_again", [True, False])
def test_a_disk_that_is_full_while_the_log_goes_into_the_file_leaves_a_ledger_that_opens(
    place: Workspace, monkeypatch: pytest.MonkeyPatch, room_again: bool
) -> None:
    """The mark said that the file needs its log, and the log ends with the last connection."""
    full, write = [True], marks.write_mark
    (place.root / "config.json").write_text("{}")  # as every run writes it

    def write_mark(root: Path, new: marks.Mark) -> None:
        if full[0] and not new.logged:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(root, new)

    with closing(place.ledger()) as ledger:
        monkeypatch.setattr(marks, "_LOG_BYTES", 0)
        monkeypatch.setattr(marks, "write_mark", write_mark)
        ledger.put_replies({"k": Reply("a", "stop", 1, 1)}, "m")
        written = read_mark(place.root)
        assert written is not None and written.logged
        full[0] = not room_again
    monkeypatch.undo()
    assert (read_mark(place.root) is not None) == room_again
    with closing(place.ledger()) as ledger:
        assert ledger.get_replies(["k"])


def test_a_command_that_outlives_a_killed_run_leaves_a_ledger_that_opens(place: Workspace) -> None:
    """The run was killed while its log went into the file; the command's end takes the log away."""
    with closing(place.ledger()):
        mark = read_mark(place.root)
        assert mark is not None
        marks.write_mark(place.root, mark._replace(logged=True))
    assert not (place.root / "ledger.sqlite-wal").exists()
    assert known(place) == VIDEOS


KILLED = """
import sys
from pathlib import Path
from curation.workspace import Workspace
from models.chat import Reply
ledger = Workspace(Path(sys.argv[1])).ledger()
for number in range(10**6):
    ledger.put_replies({f"{sys.argv[2]}-{number}": Reply("a" * 2000, "stop", 1, 1)}, "m")
    print(number, flush=True)
"""


@pytest.mark.slow
def test_after_a_kill_the_ledger_is_never_behind_its_mark(place: Workspace) -> None:
    rng, kept = random.Random(3), 0
    for attempt in range(6):
        command = [sys.executable, "-c", textwrap.dedent(KILLED), str(place.root), str(attempt)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(rng.random() * 2.5)
            process.send_signal(signal.SIGKILL)
            kept += 1 + len(process.stdout.read().split())
        without = place.root.parent / f"without{attempt}"
        shutil.copytree(place.root, without, ignore=shutil.ignore_patterns("*-wal", "*-shm"))
        with pytest.raises(LedgerDamaged, match=r"is older|copied without|cut off"):
            Workspace(without).ledger()
        assert known(place) == VIDEOS
        with closing(sqlite3.connect(ledger_file(place))) as connection:
            assert connection.execute("SELECT count(*) FROM replies").fetchone()[0] >= kept - attempt - 1


@pytest.mark.slow
@pytest.mark.postgresql
def test_the_same_holds_in_postgresql(postgresql: sa.URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LEDGER, text_of(postgresql))
    place = Workspace(tmp_path / "w")
    with closing(place.ledger()) as ledger:
        work(ledger, 2)
    mark = read_mark(place.root)
    assert mark is not None and mark.place == (place.root / "ledger.postgresql").read_text().strip()
    assert mark.generation > 1
    (place.root / "ledger.postgresql").unlink()  # the mark names the schema too
    assert known(place) == 2
    for statement, words in (
        (f"UPDATE {mark.place}.properties SET value = '1' WHERE name = 'generation'", "is older than"),
        (f"UPDATE {mark.place}.properties SET value = '{'0' * 32}' WHERE name = 'identity'", "but another one's"),
        (f"ALTER TABLE {mark.place}.results DROP COLUMN payload", "lacks results.payload"),
    ):
        with closing_engine(sa.create_engine(postgresql)) as engine, engine.begin() as connection:
            connection.exec_driver_sql(statement)
        with pytest.raises(LedgerDamaged, match=words):
            place.ledger()
    monkeypatch.delenv(LEDGER)
    with pytest.raises(ConfigError, match=f"set {LEDGER}"):
        place.ledger()
