"""The store gives what its names say, whatever happens to its files, and to those that were put into it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from curation.store import folder_swap
from curation.store.store import Store
from schemas.errors import NotStored, TransientError
from schemas.repository import ROOT
from tests.curation.threads import in_threads

FILM, OTHER = b"the film " * 5000, b"another. " * 5000
KEY = "ab" * 32


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def put(store: Store, folder: Path, content: bytes = FILM) -> Path:
    """Add a file of the user's; returns its path in the store."""
    file = folder / f"{digest(content)[:6]}.mp4"
    file.write_bytes(content)
    return store.add("videos", file, "mp4", move=False).path


def take(store: Store, content: bytes = FILM) -> bytes:
    return store.take("videos", digest(content), "mp4", len(content)).read_bytes()


# ---- what is put in


def test_what_happens_to_a_file_later_does_not_change_the_store(store: Store, tmp_path: Path) -> None:
    stored = put(store, tmp_path)
    mine = tmp_path / f"{digest(FILM)[:6]}.mp4"
    assert not stored.samefile(mine)
    with mine.open("r+b") as stream:
        stream.write(OTHER)
    assert take(store) == FILM


def test_what_is_stored_is_what_was_hashed_though_the_file_is_written_to(store: Store, tmp_path: Path) -> None:
    mine, over = tmp_path / "film.mp4", threading.Event()
    mine.write_bytes(bytes(8 << 20))

    def write() -> None:
        number = 0
        with mine.open("r+b") as stream:
            while not over.is_set():
                number += 1
                stream.seek(number * 4096 % (8 << 20))
                stream.write(number.to_bytes(4096, "big"))
                stream.flush()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(10):
            stored = store.add("videos", mine, "mp4", move=False)
            assert digest(stored.path.read_bytes()) == stored.sha256
            assert stored.bytes == stored.path.stat().st_size
    finally:
        over.set()
        writer.join()


@pytest.mark.parametrize("move", [False, True])
def test_a_file_and_its_name_are_on_the_disk_before_the_call_returns(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, move: bool
) -> None:
    """Power failures cannot be had in a test, so the order of the calls is."""
    steps: list[tuple[str, str]] = []
    fsync, replace = os.fsync, Path.replace

    def seen_fsync(descriptor: int) -> None:
        steps.append(("sync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))
        fsync(descriptor)

    def seen_replace(self: Path, target: Path) -> Path:
        steps.append(("rename", str(target)))
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", seen_fsync)
    monkeypatch.setattr(Path, "replace", seen_replace)
    with store.scratch() as folder:
        file = folder / "copy"
        file.write_bytes(FILM)
        path = store.add("videos", file, "mp4", move=move).path
    named = steps.index(("rename", str(path)))
    assert any(step == "sync" and name.endswith("/copy") for step, name in steps[:named])
    assert ("sync", str(path.parent)) in steps[named:]
    assert ("sync", str(path.parent.parent)) in steps, "the new folder has its name on the disk, too"


# ---- what is taken out


def cut(path: Path, _other: Path) -> None:
    os.truncate(path, 100)


def empty(path: Path, _other: Path) -> None:
    os.truncate(path, 0)


def overwrite(path: Path, _other: Path) -> None:
    with path.open("r+b") as stream:
        stream.write(b"other bytes, as many")


def exchange(path: Path, other: Path) -> None:
    aside = path.with_name("aside")
    path.rename(aside)
    other.rename(path)
    aside.rename(other)


def copy_over(path: Path, other: Path) -> None:
    shutil.copy2(other, path)


def link_elsewhere(path: Path, other: Path) -> None:
    path.unlink()
    path.symlink_to(other)


@pytest.mark.parametrize("harm", [cut, empty, overwrite, exchange, copy_over, link_elsewhere, Path.unlink])
def test_a_harmed_file_is_noticed_and_replaced_when_it_comes_again(store: Store, tmp_path: Path, harm) -> None:
    path, other = put(store, tmp_path), put(store, tmp_path, OTHER)
    arguments = (path,) if harm is Path.unlink else (path, other)
    harm(*arguments)
    with pytest.raises(NotStored) as caught:
        take(store)
    assert caught.value.reason == ("file_missing" if harm is Path.unlink else "file_damaged")
    assert caught.value.error_class == "transient", "nothing is wrong with the video"
    assert path.name in caught.value.evidence
    put(store, tmp_path)
    put(store, tmp_path, OTHER)
    assert (take(store), take(store, OTHER)) == (FILM, OTHER)


def test_a_file_is_hashed_once_and_then_only_when_its_size_or_date_moved(store: Store, tmp_path: Path) -> None:
    path = put(store, tmp_path)
    before = path.stat()
    with path.open("r+b") as stream:
        stream.write(b"not noticed")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    store.take("videos", digest(FILM), "mp4")  # so nothing was read
    shutil.rmtree(store.root / "checked")
    with pytest.raises(NotStored, match="other content"):
        store.take("videos", digest(FILM), "mp4")


@pytest.mark.parametrize("note", [None, b"", b"{torn", b"[]"])
def test_a_lost_or_damaged_note_costs_one_hash(store: Store, tmp_path: Path, note: bytes | None) -> None:
    path = put(store, tmp_path)
    (kept,) = [file for file in (store.root / "checked").rglob("*") if file.is_file()]
    whole = kept.read_bytes()
    kept.unlink() if note is None else kept.write_bytes(note)
    assert take(store) == FILM
    assert kept.read_bytes() == whole
    assert path.stat().st_nlink == 1


def test_a_file_that_was_written_just_now_is_not_trusted_by_its_date(store: Store, tmp_path: Path) -> None:
    """A second write within the clock's resolution would leave the date as it is."""
    path = put(store, tmp_path)
    path.write_bytes(FILM)  # the same bytes, from outside
    assert take(store) == FILM
    date = path.stat().st_mtime_ns
    path.write_bytes(OTHER)
    os.utime(path, ns=(date, date))
    with pytest.raises(NotStored):
        take(store)


def test_a_file_that_an_earlier_version_linked_gets_a_copy_of_its_own(store: Store, tmp_path: Path) -> None:
    mine = tmp_path / "a.mp4"
    mine.write_bytes(FILM)
    path = store.path("videos", digest(FILM), "mp4")
    path.parent.mkdir(parents=True)
    path.hardlink_to(mine)
    dated = mine.stat().st_mtime_ns
    assert take(store) == FILM
    assert not path.samefile(mine) and path.stat().st_nlink == 1
    assert mine.stat().st_mtime_ns == dated
    mine.write_bytes(OTHER)
    assert take(store) == FILM


def test_a_linked_file_that_was_overwritten_meanwhile_is_found_out(store: Store, tmp_path: Path) -> None:
    mine = tmp_path / "a.mp4"
    mine.write_bytes(FILM)
    path = store.path("videos", digest(FILM), "mp4")
    path.parent.mkdir(parents=True)
    path.hardlink_to(mine)
    with mine.open("r+b") as stream:
        stream.write(OTHER)
    with pytest.raises(NotStored, match="other content"):
        take(store)
    put(store, tmp_path)
    assert take(store) == FILM
    assert mine.read_bytes() == OTHER, "the user's own file is not written to"


def test_what_cannot_be_had_again_is_noted_until_it_comes(store: Store, tmp_path: Path) -> None:
    store.note_lost(digest(FILM))
    assert store.is_lost(digest(FILM)) and not store.is_lost(digest(OTHER))
    put(store, tmp_path)
    assert not store.is_lost(digest(FILM))


# ---- threads and processes


def test_threads_may_add_the_same_file_at_once(store: Store, tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.mp4" for number in range(8)]
    for file in files:
        file.write_bytes(FILM)

    def work(which: int) -> None:
        for _ in range(10):
            store.add("videos", files[which], "mp4", move=False)
            assert take(store) == FILM
            if which == 0:
                store.path("videos", digest(FILM), "mp4").unlink(missing_ok=True)
                store.add("videos", files[which], "mp4", move=False)

    errors = in_threads(8, work)
    # One thread takes the file away all the time: the others may find it missing, and nothing else.
    assert [error for error in errors if not isinstance(error, NotStored | FileNotFoundError | None)] == []
    put(store, tmp_path)
    assert take(store) == FILM


def commit(store: Store, number: int, times: int) -> None:
    """Commit folders under one key; each holds ten files that name the same maker."""
    for time in range(times):
        with store.scratch() as folder:
            out = folder / "frames"
            out.mkdir()
            for index in range(10):
                (out / f"{index:06d}.jpg").write_text(f"{number} {time}")
            store.commit_frames(out, KEY)


def makers(folder: Path) -> set[str]:
    return {path.read_text() for path in folder.iterdir()}


@pytest.mark.parametrize("system", ["exchanges folders", "does not"])
@pytest.mark.parametrize("there", [True, False])
def test_threads_may_commit_the_same_frames_at_once(
    store: Store, monkeypatch: pytest.MonkeyPatch, system: str, there: bool
) -> None:
    if system == "does not":
        monkeypatch.setattr(folder_swap, "exchange", lambda _new, _out: False)
    if there:
        commit(store, 99, 1)
    assert in_threads(8, lambda which: commit(store, which, 20)) == [None] * 8
    folder = store.frames(KEY)
    assert len(list(folder.iterdir())) == 10 and len(makers(folder)) == 1
    assert [path.name for path in folder.parent.iterdir()] == [KEY]
    assert list((store.root / "scratch").iterdir()) == []


CHILD = """
import sys
from pathlib import Path
from tests.curation.store.test_store import Store, commit, in_threads
store = Store(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
errors = in_threads(4, lambda which: commit(store, 10 * int(sys.argv[2]) + which, 60))
print([error for error in errors if error], flush=True)
"""


@pytest.mark.slow
def test_processes_may_commit_the_same_frames_at_once(store: Store) -> None:
    commit(store, 99, 1)
    command = [sys.executable, "-c", CHILD, str(store.root)]
    children = [
        subprocess.Popen([*command, str(n)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for n in (1, 2)
    ]
    for child in children:
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("\n")
        child.stdin.flush()
    folder, seen = store.frames(KEY), 0
    while any(child.poll() is None for child in children):
        seen += (folder / "000003.jpg").read_text() != ""  # the folder is never away
    assert [child.communicate(timeout=60)[0] for child in children] == ["[]\n", "[]\n"]
    assert seen > 10
    assert len(list(folder.iterdir())) == 10 and len(makers(folder)) == 1


def test_cleaning_leaves_what_is_in_use_and_removes_what_a_killed_process_left(store: Store) -> None:
    dead = store.root / "scratch" / "dead"
    dead.mkdir(parents=True)
    (dead / "half").write_bytes(b"x")
    with store.scratch() as folder:
        (folder / "mine").write_bytes(b"x")
        Store(store.root).clean()
        assert (folder / "mine").exists()
        assert not dead.exists()
    assert list((store.root / "scratch").iterdir()) == []


def test_temporary_folders_can_be_had_while_others_clean(store: Store) -> None:
    def work(which: int) -> None:
        for number in range(100):
            if which < 2:
                store.clean()
            else:
                with store.scratch() as folder:
                    (folder / f"{number}").write_bytes(b"x")

    assert in_threads(6, work) == [None] * 6


def test_one_at_a_time_holds_an_unfinished_download(store: Store) -> None:
    with store.hold_partial("one") as folder:
        (folder / "film.part").write_bytes(b"half")
        with pytest.raises(TransientError, match="in_use"), Store(store.root).hold_partial("one"):
            pass
        with store.hold_partial("two"):
            pass
    with store.hold_partial("one") as again:
        assert (again / "film.part").read_bytes() == b"half"
