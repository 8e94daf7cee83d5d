"""Says in a sentence what a file system refused, and what to do: the one place where an OSError becomes words."""

from __future__ import annotations

import errno
import os
import re

_WORDS = {
    errno.EACCES: "this user has no permission for it",
    errno.EPERM: "this user has no permission for it",
    errno.EROFS: "it lies on a file system that is mounted read-only",
    errno.ENOENT: "there is no such file or folder",
    errno.EEXIST: "a file stands where a folder must be",
    errno.ENOTDIR: "a part of this path is a file, not a folder",
    errno.EISDIR: "it is a folder, not a file",
    errno.ENAMETOOLONG: "the name is too long for the file system",
    errno.ELOOP: "its symbolic links lead in a circle",
    errno.ENODEV: "its device is gone",
    errno.ENXIO: "its device is gone",
    errno.EIO: "the device reports an error of reading or writing; see `dmesg`",
    errno.ESTALE: "the network file system lost it; mount it again",
    errno.ENOSPC: "no space left on the device",
    errno.EDQUOT: "the disk quota of this user is used up",
    errno.EMFILE: "this process has too many files open; raise `ulimit -n`",
    errno.ENFILE: "the system has too many files open",
    errno.EFBIG: "the file is too large for the file system, or for `ulimit -f`",
    errno.EBUSY: "something else uses it at this moment",
    errno.ETXTBSY: "something else uses it at this moment",
    errno.ENOTEMPTY: "the folder is not empty",
    errno.EINVAL: "the file system does not take this name or this operation",
    errno.EXDEV: "it lies on another file system",
    errno.EILSEQ: "the file system does not take this name",
}
_PERMISSION = (errno.EACCES, errno.EPERM, errno.EROFS)
# What a file that is open can meet, or the process as a whole: these errors name no file.
_NAMELESS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ESTALE, errno.ENODEV, errno.EMFILE, errno.ENFILE}
)
_WAY = (
    "choose a place that this user may write to; of another user's workspace, `v2xum status`, `explain`, `check` and "
    "`export --to DIR` only read"
)
# SQLite's own words for the same: its errors carry no number of the system.
_SQLITE = re.compile(
    r"unable to open database file|readonly database|disk I/O error|database or disk is full|locking protocol", re.I
)


def file_trouble(error: BaseException) -> str | None:
    """A file system's error as a sentence that names the file; None for an error of another kind.

    A socket's error, which has a number (say that of a missing permission) but no file, is of another kind.
    """
    if not isinstance(error, OSError) or error.errno is None:
        told = _SQLITE.search(str(error))
        return f"the ledger: {told[0]}" if told is not None else None
    named = error.filename2 or error.filename
    if named is None and error.errno not in _NAMELESS:
        return None
    words = _WORDS.get(error.errno) or os.strerror(error.errno)
    where = f"{os.fsdecode(named) if isinstance(named, str | bytes) else named}: " if named is not None else ""
    return f"{where}{words}" + (f"; {_WAY}" if error.errno in _PERMISSION else "")
