"""Decides whose fault an error is: the video's, the moment's or the machine's; the one list of what no video can help.

A video is charged with a permanent row only for what is wrong with the video. Everything else passes or is mended, and
then the video is as good as before (docs/decisions/0025-whose-fault.md).
"""

from __future__ import annotations

import errno
import re
import sqlite3
import traceback
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from typing import Literal

from schemas.errors import PoisonError, StageError
from schemas.secret_addresses import hide_secrets

Blame = Literal["video", "moment", "machine"]

# Texts of FFmpeg and glibc, C++'s exception, decord's checks of FFmpeg's codes, dlopen, and threads without a stack.
_SHORTAGE = re.compile(
    r"cannot allocate memory|bad_alloc|\(-12 vs\.|failed12\b|failed to map segment|can't start new thread"
    r"|resource temporarily unavailable",
    re.IGNORECASE,
)
_UNMAPPED = re.compile(r"failed to map segment", re.IGNORECASE)  # dlopen's, in an OSError of ctypes without a number
# Texts of torch's allocators, which raise RuntimeError. A web page may say so, too.
_TORCH_SHORTAGE = re.compile(r"can't allocate memory|not enough memory|out of memory", re.IGNORECASE)
# What stays broken until somebody mends it, or until the process is another one: the next video would fail alike.
_MACHINE_ERRNO = frozenset(
    [
        *(errno.EMFILE, errno.ENFILE, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE, errno.ENODEV),
        *(errno.ENXIO, errno.ENOLCK, errno.EACCES, errno.EPERM),
    ]
)
_MACHINE_TEXT = re.compile(
    r"can't start new thread|too many open files|CUDA error|device-side assert|cuDNN error|CUBLAS_STATUS|NCCL error"
    r"|HIP error|meta tensor|cannot schedule new futures",
    re.IGNORECASE,
)
_DATABASES = ("sqlalchemy.exc", "psycopg")  # by name: most commands never import them
# What the sandbox says about its child: under the limits of the call the video is to blame, whatever the cause was.
_BY_LIMITS = frozenset({"memory", "timeout", "cpu_time", "crashed"})


def blame(error: BaseException) -> Blame:
    """Whose fault an error of a stage is, by it and its causes.

    `machine`: every video would fail so, and the run stops. `moment`: memory or a connection, which may be there at
    another time. `video`: the rest. A StageError with a cause among the first two names the video wrongly, except where
    the sandbox's limits decided.
    """
    if isinstance(error, PoisonError) and error.reason in _BY_LIMITS:
        return "video"
    stage_error = isinstance(error, StageError)
    found: Blame = "video"
    for link in causes(error):
        if stage_error and isinstance(link, ImportError) and link is not error.__cause__:
            continue  # libraries try imports and go on without them
        if _is_machine(link, narrow=stage_error):
            return "machine"
        if _is_short(link) or (not stage_error and isinstance(link, ConnectionError | TimeoutError)):
            found = "moment"
    return found


def is_shortage(error: BaseException) -> bool:
    """Whether an error or one of its causes means that memory ran out, by its type, its number or its text."""
    return any(_is_short(link) for link in causes(error))


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error, then what caused it, then the cause of that."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__


def in_one_line(error: BaseException, length: int = 300) -> str:
    """Type and message of an error as one line of at most `length` characters; the type alone where it has none.

    Addresses in it are without signatures and passwords.
    """
    words = " ".join(hide_secrets(str(error)).split())
    kind = type(error).__name__
    return (f"{kind}: {words}" if words else kind)[:length]


def trace_of(error: BaseException) -> str:
    """The traceback of an error for the log, its addresses without signatures and passwords."""
    return hide_secrets("".join(traceback.format_exception(error)))


def _is_short(link: BaseException) -> bool:
    if isinstance(link, MemoryError) or (isinstance(link, OSError) and link.errno == errno.ENOMEM):
        return True
    if isinstance(link, OSError) and link.errno is None and _UNMAPPED.search(str(link)):
        return True
    if isinstance(link, RuntimeError) and _TORCH_SHORTAGE.search(str(link)):
        return True
    return not isinstance(link, OSError | StageError) and bool(_SHORTAGE.search(str(link)))


def _is_machine(link: BaseException, *, narrow: bool) -> bool:
    """Whether an error is the machine's. `narrow`: it came of reading a video, whose EACCES or EIO is the file's."""
    if isinstance(link, ImportError | sqlite3.Error | BrokenExecutor) or _is_of(link, _DATABASES):
        return True
    if isinstance(link, OSError):
        narrow = narrow or _is_of(link, ("av.",))  # FFmpeg says EIO and EPERM of files that it cannot read
        return link.errno in ((errno.EMFILE, errno.ENFILE) if narrow else _MACHINE_ERRNO)
    return isinstance(link, RuntimeError | SystemError) and bool(_MACHINE_TEXT.search(str(link)))


def _is_of(error: BaseException, modules: tuple[str, ...]) -> bool:
    return any(kind.__module__.startswith(modules) for kind in type(error).__mro__)
