"""The bound of the cache: the least recently used goes, what is in use or nowhere else stays."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from curation.store.cache import Cache, folder_bytes
from schemas.errors import TransientError
from tests.curation.threads import in_threads


def everywhere(_: Path) -> bool:
    return True


def cache(root: Path, most: int, elsewhere: Callable[[Path], bool] = everywhere, in_use: float = 100) -> Cache:
    return Cache(root, most, elsewhere, in_use)


def film(root: Path, name: str, size: int = 100, used_ago: float = 1000) -> Path:
    path = root / "videos" / name[:2] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (time.time() - used_ago, time.time() - 5000))
    return path


def pictures(root: Path, name: str, used_ago: float = 1000) -> Path:
    folder = root / "frames" / name[:2] / name
    folder.mkdir(parents=True)
    for number in range(4):
        (folder / f"{number:06d}.jpg").write_bytes(bytes(25))
    os.utime(folder, (time.time(), time.time() - used_ago))
    return folder


def test_what_was_used_longest_ago_goes_until_a_tenth_is_free(tmp_path: Path) -> None:
    films = [film(tmp_path, f"aa{n}", used_ago=1000 - n) for n in range(5)]
    shown = pictures(tmp_path, "bb", used_ago=999.5)
    assert cache(tmp_path, 600).evict() == 0
    assert cache(tmp_path, 450).evict() == 200
    assert [path.exists() for path in (*films, shown)] == [False, True, True, True, True, False]


def test_a_use_keeps_a_file_and_leaves_its_date_of_change(tmp_path: Path) -> None:
    old, new = film(tmp_path, "aa1", used_ago=1000), film(tmp_path, "aa2", used_ago=500)
    changed = old.stat().st_mtime_ns
    kept = cache(tmp_path, 100)
    assert kept.use(old) and not kept.use(tmp_path / "videos" / "aa" / "none")
    assert old.stat().st_mtime_ns == changed
    assert kept.evict() == 100
    assert old.exists() and not new.exists()


def test_what_is_in_use_stays_though_the_bound_is_passed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    films = [film(tmp_path, f"aa{n}", used_ago=10) for n in range(5)]
    assert cache(tmp_path, 100).evict() == 0
    assert all(path.exists() for path in films) and "cache_gigabytes" in caplog.text


def test_what_is_nowhere_else_stays_and_so_does_all_when_nobody_answers(tmp_path: Path) -> None:
    only, also = film(tmp_path, "aa1"), film(tmp_path, "aa2")
    assert cache(tmp_path, 10, lambda path: path != only).evict() == 100
    assert only.exists() and not also.exists()

    def silent(_: Path) -> bool:
        raise TransientError("store_unreachable", "no answer")

    assert cache(tmp_path, 10, silent).evict() == 0 and only.exists()


def test_the_note_of_a_check_goes_with_its_file(tmp_path: Path) -> None:
    path = film(tmp_path, "aa1")
    note = tmp_path / "checked" / path.relative_to(tmp_path)
    note.parent.mkdir(parents=True)
    note.write_text("{}")
    cache(tmp_path, 10).evict()
    assert not path.exists() and not note.exists()


def test_it_is_measured_when_enough_was_added(tmp_path: Path) -> None:
    kept = cache(tmp_path, 1000)
    paths = [film(tmp_path, f"aa{n}") for n in range(20)]
    kept.added(999)
    assert all(path.exists() for path in paths)
    kept.added(1)
    assert sum(path.exists() for path in paths) == 9


def test_a_use_and_a_removal_never_both_succeed(tmp_path: Path) -> None:
    """Whoever was told that a file is there finds it."""
    lost: list[str] = []

    def one(number: int) -> None:
        mine = cache(tmp_path, 1)
        for turn in range(60):
            path = tmp_path / "videos" / "aa" / f"aa{turn}"
            if number:
                mine.evict()
            elif mine.use(path) and not path.exists():
                lost.append(path.name)

    for turn in range(60):
        film(tmp_path, f"aa{turn}")
    assert in_threads(3, one) == [None] * 3 and lost == []


def test_a_second_thread_does_not_wait_for_a_removal(tmp_path: Path) -> None:
    film(tmp_path, "aa1")
    began, go = threading.Event(), threading.Event()

    def slow(_: Path) -> bool:
        began.set()
        return go.wait(60)

    kept = cache(tmp_path, 10, slow)
    first = threading.Thread(target=kept.evict)
    first.start()
    assert began.wait(60) and kept.evict() == 0
    go.set()
    first.join()
    assert not (tmp_path / "videos" / "aa" / "aa1").exists()


def test_the_size_of_a_folder_that_goes_away_is_what_was_seen(tmp_path: Path) -> None:
    folder = pictures(tmp_path, "bb")
    assert folder_bytes(folder) == 100
    shutil.rmtree(folder)
    assert folder_bytes(folder) == 0
