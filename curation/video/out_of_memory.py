"""Finds out whether C code failed because memory ran out.

Decoders report a failed allocation as a damaged file, or not at all: H.264's decoder reports "invalid data", and
decord's threads report texts of their own. The C library is reliable: a failed allocation leaves ENOMEM in the thread's
`errno`, and a later success does not clear it.
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

from schemas.kit.blame import is_shortage

_NEAR = 0.9


def _errno_place() -> ctypes.c_int | None:
    """This thread's real `errno`, or None where its place is unknown; ctypes.get_errno is a copy for ctypes' calls."""
    name = {"linux": "__errno_location", "darwin": "__error"}.get(sys.platform)
    place = getattr(ctypes.CDLL(None), name, None) if name else None
    if place is None:
        return None
    place.restype = ctypes.POINTER(ctypes.c_int)
    value: ctypes.c_int = place().contents
    return value


class AllocationWatch:
    """Tells whether an allocation failed since `clear`, in C code called by the thread that made this object."""

    def __init__(self) -> None:
        """Watch the calling thread."""
        self._errno = _errno_place()

    def clear(self) -> None:
        """Forget earlier failures."""
        if self._errno is not None:
            self._errno.value = 0

    @property
    def failed(self) -> bool:
        """Whether an allocation failed since `clear`; a library may have continued without that memory."""
        return self._errno is not None and self._errno.value == errno.ENOMEM

    @contextmanager
    def guard(self, *kinds: type[Exception]) -> Iterator[None]:
        """Turn errors of these kinds in the `with` block into MemoryError when an allocation failed."""
        self.clear()
        try:
            yield
        except kinds as error:
            if self.failed or is_shortage(error):
                raise MemoryError(str(error)) from error
            raise


def near_limit() -> bool:
    """Whether this process ever used more than 90 % of its limit of address space.

    It is the best available sign for failures in the threads of a library, whose `errno` cannot be read.
    """
    soft = resource.getrlimit(resource.RLIMIT_AS)[0]
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return False
    peak = re.search(r"VmPeak:\s*(\d+) kB", status)
    return soft != resource.RLIM_INFINITY and peak is not None and int(peak[1]) * 1024 > _NEAR * soft
