"""Replaces a folder in one step: a killed process leaves either the old folder or the new one, each complete.

The new folder is built beside the old one. Linux exchanges two folders in one system call (`renameat2` with
RENAME_EXCHANGE). Where the system or the file system lacks that call, two renames are made, and `recover` repairs the
state that a kill between them leaves.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from curation.store.files import sync, sync_tree
from schemas.errors import ConfigError

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_UNSUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM)
_TRIES = 1000


def _nothing(_name: str) -> bool:
    """The default: no file is known."""
    return False


def staging(out: Path, marker: str, is_own: Callable[[str], bool] = _nothing) -> Path:
    """A new, empty folder beside `out`, in which to build the next contents of `out`.

    The remains of a killed run are removed. Only one process may stage a folder at a time: the workspace's lock
    guarantees that. Raises ConfigError when `out` is a file, or a folder without the file `marker` that has a file for
    which `is_own` (of the relative path with `/`) is false: such a folder is not an earlier export, and the swap would
    delete its files.
    """
    recover(out)
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise ConfigError(f"{out} is not a folder of its own: choose another place for the export")
    if out.is_dir() and not (out / marker).is_file() and not all(map(is_own, names(out))):
        raise ConfigError(f"{out} holds files that are not an export (no {marker}): choose an empty or new folder")
    new = _sibling(out, "new")
    if new.exists():
        shutil.rmtree(new)
    new.mkdir(parents=True)
    return new


def names(folder: Path) -> list[str]:
    """The relative paths of all files and links below a folder, sorted, with `/`; links are not followed."""
    paths = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return sorted(path.relative_to(folder).as_posix() for path in paths)


def recover(out: Path) -> None:
    """Put the old folder back when a process was killed between the two renames."""
    old = _sibling(out, "old")
    if old.exists():
        if out.exists():
            shutil.rmtree(old)
        else:
            old.replace(out)


def publish(new: Path, out: Path, *, durable: bool = True) -> None:
    """Make the finished folder `new` (from `staging`) the folder `out`, synced to disk, and remove the old contents.

    Without `durable` a power failure may lose files: for folders of many files that are easily made again.
    """
    if durable:
        sync_tree(new)
    if not out.exists():
        new.replace(out)
    elif exchange(new, out):
        shutil.rmtree(new)
    else:
        old = _sibling(out, "old")
        out.replace(old)
        new.replace(out)
        shutil.rmtree(old)
    sync(out.parent)


def put_in_place(new: Path, target: Path) -> None:
    """Make the folder `new` the folder `target`, and remove what `target` was before.

    Threads and processes may do so with one target at once: the target is always one of the folders, whole, and the
    last one stays. Only a system that cannot exchange folders lacks it for a moment. Raises OSError.
    """
    for _ in range(_TRIES):
        try:
            new.rename(target)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        old = new
        try:
            done = exchange(new, target)
            if not done:
                old = new.with_name(f"{new.name}.old")
                target.rename(old)
        except FileNotFoundError:
            continue  # another thread has just taken the target away
        shutil.rmtree(old)
        if done:
            return
    raise OSError(errno.EBUSY, "others replace the folder all the time", str(target))


def exchange(first: Path, second: Path) -> bool:
    """Exchange two paths in one step; False where the system cannot do that. Raises OSError."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    if renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), str(second))


def _sibling(out: Path, role: str) -> Path:
    return out.parent / f".{out.name}.{role}"
