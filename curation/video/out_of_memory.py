"""Whether C code failed for want of memory: decoders tell allocation failures as damage of the file, if at all.

H.264's decoder answers a failed allocation with "invalid data", and decord's threads with texts of their own. What
does tell is the C library: a failed allocation leaves ENOMEM in the thread's `errno`, and no success clears it.
"""

from __future__ import annotations

import ctypes
import errno
import re
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.errors import StageError

# FFmpeg's and glibc's text, C++'s exception, decord's checks of FFmpeg's codes, dlopen, and threads without a stack.
_TEXTS = re.compile(
    r"cannot allocate memory|bad_alloc|\(-12 vs\.|failed12\b|failed to map segment|can't start new thread"
    r"|resource temporarily unavailable",
    re.IGNORECASE,
)
_NEAR = 0.9


def _errno_place() -> ctypes.c_int | None:
    """This thread's `errno` itself (ctypes.get_errno is a copy for ctypes' own calls), or None where it is unknown."""
    name = {"linux": "__errno_location", "darwin": "__error"}.get(sys.platform)
    place = getattr(ctypes.CDLL(None), name, None) if name else None
    if place is None:
        return None
    place.restype = ctypes.POINTER(ctypes.c_int)
    found: ctypes.c_int = place().contents
    return found


class AllocationWatch:
    """Tells of the C code called by one thread, the one that made it, whether an allocation failed since `clear`."""

    def __init__(self) -> None:
        """Watch the calling thread."""
        self._errno = _errno_place()

    def clear(self) -> None:
        """Begin anew."""
        if self._errno is not None:
            self._errno.value = 0

    @property
    def failed(self) -> bool:
        """Whether an allocation failed; some library may have got by without it."""
        return self._errno is not None and self._errno.value == errno.ENOMEM

    @contextmanager
    def guard(self, *kinds: type[Exception]) -> Iterator[None]:
        """Errors of these kinds inside leave as MemoryError where an allocation failed, else as they are."""
        self.clear()
        try:
            yield
        except kinds as error:
            if self.failed or is_shortage(error):
                raise MemoryError(str(error)) from error
            raise


def near_limit() -> bool:
    """Whether this process ever came near its limit of address space: the best guess about a library's own threads."""
    soft = resource.getrlimit(resource.RLIMIT_AS)[0]
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return False
    peak = re.search(r"VmPeak:\s*(\d+) kB", status)
    return soft != resource.RLIM_INFINITY and peak is not None and int(peak[1]) * 1024 > _NEAR * soft


def is_shortage(error: BaseException) -> bool:
    """Whether an error, or what caused it, is a want of memory by its type, its number or its words."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        if isinstance(at, MemoryError) or (isinstance(at, OSError) and at.errno == errno.ENOMEM):
            return True
        if not isinstance(at, OSError | StageError) and _TEXTS.search(str(at)):
            return True
        at = at.__cause__ or at.__context__
    return False
