"""A repair keeps what is right, takes the rest from the backup, and says what was lost; nothing altered stays."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from curation.binding.withdrawal import withdraw
from curation.ledger import tables as t
from curation.ledger.databases import FILE, LEDGER
from curation.ledger.ledger import Ledger
from curation.ledger.mark import MARK, read_mark, write_mark
from curation.ledger.recovery.backup import PLACE, back_up
from curation.ledger.recovery.repair import repair
from curation.ledger.samples import samples_of
from curation.ledger.stages import STAGES
from curation.review.verdict_store import Reviews
from curation.workspace import Workspace
from models.chat import Reply
from schemas.errors import ConfigError, LedgerDamaged
from schemas.review import Verdict
from tests.curation.scripted_stages import Works, run_all, sources
from tests.postgres import text_of
from tests.runs import in_process

VIDEOS = 40


def verdict(number: int) -> Verdict:
    return Verdict(
        sample_id=f"v{number:03d}", content_sha256="0" * 64, decision="accept", annotator="annotator-1",
        origin=f"o{number}", updated_at="2026-01-01T00:00:00Z", stratum="random",
    )  # fmt: skip


def work(place: Workspace, count: int) -> list[str]:
    with closing(place.ledger()) as ledger:
        ids = ledger.register(sources(count))
        run_all(ledger, ids, Works())
        ledger.put_replies({f"{n:064x}": Reply(f"reply {n} " * 9, "stop", 1, 2) for n in range(count)}, "m")
        reviews = Reviews(ledger)
        reviews.store(verdict(number) for number in range(count // 2))
        reviews.set_cursor("p", "2026-01-01T00:00:00Z")
    return ids


@pytest.fixture
def place(tmp_path: Path) -> Workspace:
    place = Workspace(tmp_path / "w")
    work(place, VIDEOS)
    return place


def content(place: Workspace) -> dict[str, set[tuple[Any, ...]]]:
    """The rows of the tables that people would miss, without the clock."""
    unlike = {"made_at", "seconds", "stored_at", "position"}
    found = {}
    with closing(place.ledger()) as ledger, ledger.engine.connect() as connection:
        for table in (t.sources, t.results, t.replies, t.verdicts):
            columns = [column for column in table.columns if column.name not in unlike]
            found[table.name] = {tuple(row) for row in connection.execute(sa.select(*columns))}
    return found


def write_at(file: Path, offset: int, data: bytes) -> None:
    with file.open("r+b") as stream:
        stream.seek(offset)
        stream.write(data)


def sql(place: Workspace, *statements: str) -> None:
    with closing(sqlite3.connect(place.root / FILE)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def noise(size: int) -> bytes:
    return random.Random(9).randbytes(size)


def test_a_sound_ledger_is_left_as_it_is(place: Workspace) -> None:
    before = (place.root / FILE).read_bytes()
    repaired = repair(place.root)
    assert repaired.sound and not repaired.lost and repaired.kept["verdicts"] == VIDEOS // 2
    assert (place.root / FILE).read_bytes() == before
    assert not list(place.root.glob("ledger.damaged*")) and not list(place.root.glob(".ledger*"))


def test_altered_rows_are_dropped_by_name_and_made_again(place: Workspace) -> None:
    whole = content(place)
    sql(
        place,
        "UPDATE results SET payload = replace(payload, 'a', 'b') WHERE stage = 'caption' AND video_id = 'v003'",
        "UPDATE results SET payload = CAST(x'22ff22' AS TEXT) WHERE stage = 'refine' AND video_id = 'v004'",
        "UPDATE replies SET text = 'other' WHERE rowid = 7",
        "UPDATE results SET current = 7 WHERE stage = 'frames' AND video_id = 'v005'",
    )
    repaired = repair(place.root)
    assert not repaired.sound and repaired.kept["results"] == len(whole["results"]) - 3
    told = " | ".join(repaired.lost)
    assert "results: 3 rows dropped" in told and "v003 caption: it is not what was stored" in told
    assert "v004 refine: its payload is not text" in told and "replies: 1 row dropped" in told
    assert repaired.kept_in is not None and (repaired.kept_in / FILE).exists()
    work(place, VIDEOS)
    assert content(place) == whole


def test_rows_come_back_from_the_backup_and_verdicts_above_all(place: Workspace) -> None:
    whole = content(place)
    back_up(place.root)
    sql(
        place,
        "UPDATE verdicts SET payload = replace(payload, 'accept', 'reject') WHERE sample_id = 'v002'",
        "UPDATE results SET payload = '{}' WHERE video_id = 'v003'",
        "UPDATE sources SET payload = '{}' WHERE id = 'v004'",
    )
    repaired = repair(place.root)
    assert repaired.added == {"verdicts": 1, "results": 8, "sources": 1}
    assert content(place) == whole
    assert not repaired.lost and len(repaired.restored) == 3  # what is there again is not said to be lost
    with closing(place.ledger()) as ledger:
        assert Reviews(ledger).cursor("p") is None  # the next pull reads every task
        assert [source.position for source in ledger.sources()] == list(range(1, VIDEOS + 1))


def test_what_was_forgotten_since_the_backup_does_not_come_back(place: Workspace) -> None:
    back_up(place.root)
    with closing(place.ledger()) as ledger:
        ledger.forget("v001", "refine")
    sql(place, "UPDATE results SET payload = '{}' WHERE video_id = 'v003' AND stage = 'refine'")
    assert repair(place.root).added == {"results": 1}
    with closing(place.ledger()) as ledger:
        assert ledger.entry("v001", "refine") is None and ledger.entry("v003", "refine") is not None


def test_withdrawn_captions_do_not_come_back_from_a_backup(place: Workspace) -> None:
    back_up(place.root)
    with closing(place.ledger()) as ledger:
        withdraw(ledger, [f"v{number:03d}" for number in range(VIDEOS)], ["m"], 0.0)
    sql(place, "UPDATE results SET payload = '{}' WHERE video_id = 'v003' AND stage = 'frames'")
    repaired = repair(place.root)
    assert "a run has withdrawn some since it was made" in " ".join(repaired.lost)
    with closing(place.ledger()) as ledger:
        assert not list(ledger.payloads([f"v{number:03d}" for number in range(VIDEOS)], ["caption"]))


GONE: dict[str, Callable[[Path], object]] = {
    "empty": lambda file: file.write_bytes(b""),
    "missing": lambda file: file.unlink(),
    "noise": lambda file: file.write_bytes(noise(90_000)),
    "another's": lambda file: (
        Ledger(f"sqlite:///{file.with_name('other')}").close() or file.with_name("other").replace(file)
    ),
}


@pytest.mark.parametrize("state", GONE)
def test_a_ledger_that_is_gone_comes_from_the_backup_or_not_at_all(place: Workspace, state: str) -> None:
    whole, kept = content(place), place.root.parent / "kept.sqlite"
    back_up(place.root, kept)
    GONE[state](place.root / FILE)
    if state != "noise":
        with pytest.raises(ConfigError, match=r"ledger\.sqlite does not exist: give a backup with --from FILE"):
            repair(place.root)
    repaired = repair(place.root, kept)
    assert content(place) == whole and repaired.added["verdicts"] == VIDEOS // 2
    with closing(place.ledger()) as ledger:
        assert ledger.property("old identity") is None  # the backup's is no second one
    assert (repaired.kept_in is not None) is (state in ("noise", "another's"))


def test_what_came_after_the_backup_is_said_to_be_lost(place: Workspace) -> None:
    back_up(place.root)
    work(place, VIDEOS + 3)
    (place.root / FILE).unlink()
    repaired = repair(place.root)
    assert any("what was written after change" in loss for loss in repaired.lost)
    assert repaired.added["sources"] == VIDEOS
    work(place, VIDEOS + 3)
    assert len(content(place)["sources"]) == VIDEOS + 3


def test_a_copy_without_its_log_is_taken_with_a_word_and_filled_from_a_newer_backup(place: Workspace) -> None:
    with closing(place.ledger()) as ledger:
        run_all(ledger, ledger.register(sources(VIDEOS + 5)), Works())
        shutil.copytree(place.root, place.root.parent / "short", ignore=shutil.ignore_patterns("*-wal", "*-shm"))
        shutil.copytree(place.root, place.root.parent / "bare", ignore=shutil.ignore_patterns("*-wal", "*-shm"))
        back_up(place.root, place.root.parent / "newer.sqlite")
    whole = content(place)
    bare, short = Workspace(place.root.parent / "bare"), Workspace(place.root.parent / "short")
    assert any("what was written after change" in loss for loss in repair(bare.root).lost)
    assert len(content(bare)["sources"]) == VIDEOS
    repaired = repair(short.root, place.root.parent / "newer.sqlite")
    assert content(short) == whole and not repaired.lost


DAMAGES: dict[str, Callable[[Path], object]] = {
    "the magic": lambda file: write_at(file, 0, b"garbage"),
    "the header": lambda file: write_at(file, 0, noise(100)),
    "the first page": lambda file: write_at(file, 0, noise(4096)),
    "the last half": lambda file: os.truncate(file, file.stat().st_size // 2),
    "pages in the middle": lambda file: write_at(file, file.stat().st_size // 8192 * 4096, noise(4096 * 9)),
    "a log of noise": lambda file: file.with_name(f"{FILE}-wal").write_bytes(noise(9000)),
    "a lost column": lambda file: sqlite3.connect(file).execute("ALTER TABLE results DROP COLUMN reason"),
    "a lost table": lambda file: sqlite3.connect(file).execute("DROP TABLE replies"),
    "an index": lambda file: sqlite3.connect(file).executescript(
        "PRAGMA writable_schema=1; UPDATE sqlite_master SET rootpage = 3 WHERE name = 'results_content';"
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("backed_up", [True, False])
def test_after_damage_everything_is_there_again(place: Workspace, damage: str, backed_up: bool) -> None:
    whole = content(place)
    if backed_up:
        back_up(place.root)
    DAMAGES[damage](place.root / FILE)
    with pytest.raises(LedgerDamaged):
        place.ledger()
    repaired = repair(place.root)
    found = content(place)
    assert all(found[name] <= whole[name] for name in whole), "something came up that was never stored"
    if backed_up:
        assert found == whole
    if damage in ("the magic", "the header", "the first page", "a log of noise", "an index"):
        assert found == whole and not repaired.lost
    assert repair(place.root).sound
    work(place, VIDEOS)
    again = content(place)
    assert {name: again[name] for name in ("sources", "results")} == {
        name: whole[name] for name in ("sources", "results")
    }


@pytest.mark.slow
def test_random_damage_never_lets_an_altered_row_through(place: Workspace) -> None:
    whole, original, rng = content(place), (place.root / FILE).read_bytes(), random.Random(2)
    mark = (place.root / MARK).read_bytes()
    lossless = refused = 0
    for _ in range(60):
        damaged = bytearray(original)
        for _ in range(rng.choice([1, 5, 60])):
            at, size = rng.randrange(len(damaged)), rng.choice([1, 8, 600])
            damaged[at : at + size] = rng.randbytes(len(damaged[at : at + size]))
        (place.root / FILE).write_bytes(damaged[: len(original)])
        (place.root / MARK).write_bytes(mark)
        for suffix in ("-wal", "-shm"):
            (place.root / f"{FILE}{suffix}").unlink(missing_ok=True)
        try:
            repaired = repair(place.root)
        except ConfigError as error:  # the damage hit the ledger's own name: it could be anybody's
            assert "another workspace's" in str(error)
            refused += 1
            continue
        found = content(place)
        texts = {name: {row[-1] for row in rows} for name, rows in whole.items()}
        assert all({row[-1] for row in rows} <= texts[name] for name, rows in found.items() if name != "results")
        with closing(place.ledger()) as ledger:
            ids = [source.id for source in ledger.sources()]
            assert all(row.source() in sources(VIDEOS) for row in ledger.sources())
            complete = [i for i in ids if ledger.heads([i]).get(i, {}).keys() >= set(STAGES.names)]
            assert len(list(samples_of(ledger, complete))) == len(complete)
        lossless += not repaired.lost
    assert lossless < 60 and refused < 3


@pytest.mark.parametrize("way", ["repaired", "accepted"])
def test_a_backup_that_is_found_after_a_loss_is_still_taken(way: str, tmp_path: Path) -> None:
    early = Workspace(tmp_path / "early")
    work(early, 2)
    shutil.copy(early.root / FILE, tmp_path / "older")
    work(early, VIDEOS)
    whole, kept = content(early), tmp_path / "kept.sqlite"
    back_up(early.root, kept)
    if way == "repaired":
        (early.root / FILE).write_bytes(noise(90_000))
        repair(early.root)
        work(early, 2)
    else:
        shutil.copy(tmp_path / "older", early.root / FILE)
        assert in_process("repair", early.root, "--accept").returncode == 0
    assert len(content(early)["sources"]) == 2
    assert repair(early.root).sound
    assert repair(early.root, kept).added["sources"] == VIDEOS - 2
    assert {table: len(rows) for table, rows in content(early).items()} == {k: len(v) for k, v in whole.items()}
    with closing(early.ledger()) as ledger:
        ledger.forget("v001", "refine")
    assert repair(early.root, kept).sound  # nothing is missing any more, and what was forgotten stays so
    with closing(early.ledger()) as ledger:
        assert ledger.entry("v001", "refine") is None


def test_a_repair_that_was_killed_before_the_exchange_is_finished_by_the_next(place: Workspace) -> None:
    whole = content(place)
    shutil.copy(place.root / FILE, place.root / "ledger.repaired")
    write_at(place.root / FILE, 0, noise(5000))
    (place.root / f"{FILE}-wal").write_bytes(noise(4000))
    assert repair(place.root).sound
    assert content(place) == whole and not (place.root / "ledger.repaired").exists()


def test_a_mark_that_is_damaged_is_written_anew(place: Workspace) -> None:
    before = read_mark(place.root)
    (place.root / MARK).write_text("?")
    assert repair(place.root).sound
    assert read_mark(place.root) == before


def test_a_backup_of_something_else_is_refused(place: Workspace, tmp_path: Path) -> None:
    other = Workspace(tmp_path / "other")
    work(other, 1)
    for file in (other.root / FILE, tmp_path / "nothing", place.root / MARK):
        with pytest.raises(ConfigError, match=f"{file} (is no backup of the ledger of|does not exist)"):
            repair(place.root, file)


@pytest.mark.slow
@pytest.mark.postgresql
def test_in_postgresql_altered_rows_are_dropped_and_backups_are_its_own_matter(
    postgresql: sa.URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LEDGER, text_of(postgresql))
    place = Workspace(tmp_path / "w")
    work(place, 3)
    whole = content(place)
    assert repair(place.root).sound
    with closing(place.ledger()) as ledger, ledger.engine.begin() as connection:
        connection.execute(sa.update(t.results).where(t.results.c.video_id == "v001").values(payload="{}"))
    repaired = repair(place.root)
    assert not repaired.sound and "8 dropped, not what was stored" in repaired.lost[0]
    work(place, 3)
    assert content(place) == whole
    with pytest.raises(ConfigError, match=r"pg_dump --schema=v2xum_[0-9a-f]{16} "):
        back_up(place.root)
    assert not (place.root / PLACE).exists()


def test_a_file_without_the_log_that_was_being_written_into_it_is_not_sound(place: Workspace) -> None:
    """Rows of the log are missing, though the file itself hangs together and has come to its mark."""
    back_up(place.root)
    mark = read_mark(place.root)
    assert mark is not None
    write_mark(place.root, mark._replace(logged=True))
    with pytest.raises(LedgerDamaged, match=r"rows are missing that were in ledger\.sqlite-wal"):
        place.ledger()
    repaired = repair(place.root)
    assert not repaired.sound
    assert any("what was written after change" in loss for loss in repaired.lost)
    with closing(place.ledger()) as ledger:
        assert len(list(ledger.sources())) == VIDEOS
    assert repair(place.root).sound
