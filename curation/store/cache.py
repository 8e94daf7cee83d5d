"""The bound of a local folder of files that lie elsewhere too: what was used longest ago is removed.

A file is used when its path is asked for. Its date of access says when; the cache sets that date, since most file
systems are mounted without it. The date of change stays, by which a checked file is known. Of a folder it is the date
of change: whoever looks for its size changes the date of access.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISDIR
from typing import NamedTuple

from schemas.errors import V2XumError

log = logging.getLogger(__name__)

IN_USE_SECONDS = 1800.0  # no stage reads a file longer: the longest limit of a child process is half an hour
_KEPT = 0.9  # of the bound, after a removal
_GROWN = 0.02  # of the bound: the folder is measured again when so much was added
_FEWEST_GROWN = 64 << 20
_LOCK_TRIES, _LOCK_WAIT = 200, 0.01  # seconds between them; a holder needs microseconds


class _Entry(NamedTuple):
    used: float
    bytes: int
    path: Path


class Cache:
    """Files `KIND/ab/NAME` and folders `frames/ab/KEY` below `root`; threads and processes may use it at once."""

    def __init__(
        self, root: Path, most: int, elsewhere: Callable[[Path], bool], in_use_seconds: float = IN_USE_SECONDS
    ) -> None:
        """Keep at most `most` bytes, beside what was used within `in_use_seconds`.

        `elsewhere` tells of a file whether it can be had again; where it raises one of our errors, the file stays.
        """
        self._root = root
        self._most = most
        self._elsewhere = elsewhere
        self._in_use = in_use_seconds
        self._grown = 0
        self._counting, self._evicting = threading.Lock(), threading.Lock()

    def use(self, path: Path) -> bool:
        """Note that a file or a folder is used now, so that it stays; False where there is none."""
        with self._locked(fcntl.LOCK_SH):
            try:
                now, found = time.time_ns(), path.stat()
                os.utime(path, ns=(now, now if S_ISDIR(found.st_mode) else found.st_mtime_ns))
            except FileNotFoundError:
                return False
            except PermissionError:
                pass  # another user's, who removes it
            return True

    def added(self, size: int) -> None:
        """Note that so many bytes came; from time to time what was used longest ago is removed."""
        with self._counting:
            self._grown += size
            due = self._grown >= max(self._most * _GROWN, min(_FEWEST_GROWN, self._most))
            if due:
                self._grown = 0
        if due:
            self.evict()

    def evict(self) -> int:
        """Remove what was used longest ago, while the folder is larger than its bound; returns the freed bytes.

        What is used by somebody stays, and what cannot be had again: then the folder stays larger, and a warning says
        so. Another thread that evicts already makes this call return at once.
        """
        if not self._evicting.acquire(blocking=False):
            return 0
        try:
            return self._evict()
        finally:
            self._evicting.release()

    def _evict(self) -> int:
        entries = sorted(self._entries())
        size, freed = sum(entry.bytes for entry in entries), 0
        if size <= self._most:
            return 0
        limit = time.time() - self._in_use
        for entry in entries:
            if size - freed <= self._most * _KEPT or entry.used > limit:
                break
            if self._remove(entry.path, limit):
                freed += entry.bytes
        if size - freed > self._most:
            log.warning(
                "the local store has %.1f GB, more than store.cache_gigabytes: the rest is in use, or nowhere else",
                (size - freed) / 1e9,
            )
        return freed

    def _remove(self, path: Path, limit: float) -> bool:
        if not path.is_dir():
            try:
                if not self._elsewhere(path):
                    return False
            except V2XumError as error:
                log.warning("%s stays in the local store: %s", path.name, error)
                return False
        with self._locked(fcntl.LOCK_EX) as alone, suppress(FileNotFoundError):
            if not alone or _used(path.stat()) > limit:
                return False
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()
                (self._root / "checked" / path.relative_to(self._root)).unlink(missing_ok=True)
        return True

    def _entries(self) -> Iterator[_Entry]:
        for kind in ("videos", "subtitles", "sounds", "frames"):
            for path in (self._root / kind).glob("??/*"):
                with suppress(FileNotFoundError):
                    found = path.stat()
                    size = folder_bytes(path) if kind == "frames" else found.st_size
                    yield _Entry(_used(found), size, path)

    @contextmanager
    def _locked(self, how: int) -> Iterator[bool]:
        """Hold the cache's lock, with others (LOCK_SH) or alone (LOCK_EX); False after two seconds or without locks."""
        self._root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._root / "cache.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            yield _lock(descriptor, how)
        finally:
            os.close(descriptor)


def folder_bytes(folder: Path) -> int:
    """The bytes of the files in a folder, which others may remove meanwhile."""
    size = 0
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                size += entry.stat().st_size
    return size


def _used(found: os.stat_result) -> float:
    return found.st_mtime if S_ISDIR(found.st_mode) else found.st_atime


def _lock(descriptor: int, how: int) -> bool:
    for _ in range(_LOCK_TRIES):
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(_LOCK_WAIT)
        except OSError:
            return False
    return False
