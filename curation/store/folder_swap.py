"""A folder built beside its place and put there in one step: a kill leaves the old or the new one, whole.

Linux exchanges two folders in one system call (`renameat2` with RENAME_EXCHANGE). Where a system or file system
lacks it, two renames do the work and `recover` repairs what a kill between them leaves.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from pathlib import Path

from schemas.errors import ConfigError

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_UNSUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM)


def staging(out: Path, marker: str) -> Path:
    """A fresh, empty folder beside `out` to build its next contents in; what a killed run left there is removed.

    Only one process may stage a folder at a time (the workspace's lock sees to it). Raises ConfigError when `out`
    is a file, or holds other things than an earlier export (a folder without the file `marker`), which a swap
    would delete.
    """
    recover(out)
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise ConfigError(f"{out} is not a folder of its own: choose another place for the export")
    if out.is_dir() and not (out / marker).is_file() and any(out.iterdir()):
        raise ConfigError(f"{out} holds files that are not an export (no {marker}): choose an empty or new folder")
    new = _sibling(out, "new")
    if new.exists():
        shutil.rmtree(new)
    new.mkdir(parents=True)
    return new


def recover(out: Path) -> None:
    """Put the old folder back if a kill came between the two renames of the fallback."""
    old = _sibling(out, "old")
    if old.exists():
        if out.exists():
            shutil.rmtree(old)
        else:
            old.replace(out)


def publish(new: Path, out: Path) -> None:
    """Make the finished folder `new` (from `staging`) the folder `out`, durably; the former contents are removed."""
    for folder, _, names in os.walk(new):
        for name in names:
            _sync(Path(folder) / name)
        _sync(Path(folder))
    if not out.exists():
        new.replace(out)
    elif _exchange(new, out):
        shutil.rmtree(new)
    else:
        old = _sibling(out, "old")
        out.replace(old)
        new.replace(out)
        shutil.rmtree(old)
    _sync(out.parent)


def _sibling(out: Path, role: str) -> Path:
    return out.parent / f".{out.name}.{role}"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two paths in one step; False where the system cannot."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    if renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        return False
    raise OSError(code, os.strerror(code), str(second))
