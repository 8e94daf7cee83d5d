"""Errors that mean that memory ran out, in whatever words each layer reports them."""

import ctypes
import errno
import threading

import pytest

from curation.video.out_of_memory import AllocationWatch
from schemas.errors import PermanentError
from schemas.kit.blame import is_shortage


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "mmap"),
        RuntimeError("can't start new thread"),
        ImportError("libx.so: failed to map segment from shared object"),
        ValueError("Check failed: avcodec_send_packet(ctx, p) >= 0 (-12 vs. 0) Thread worker: Error"),
        ValueError("std::bad_alloc"),
    ],
)
def test_a_memory_error_is_recognized_also_as_a_cause(error):
    assert is_shortage(error)
    outer = PermanentError("decord_failed", "x")
    outer.__cause__ = error
    assert is_shortage(outer)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EAGAIN, "Resource temporarily unavailable"),
        ValueError("Invalid data found when processing input"),
        PermanentError("no_frames", "a title that says: Cannot allocate memory"),
    ],
)
def test_other_errors_are_not_memory_errors(error):
    assert not is_shortage(error)


def test_causes_in_a_circle_end():
    one, other = ValueError("a"), ValueError("b")
    one.__cause__, other.__cause__ = other, one
    assert not is_shortage(one)


def fail_to_allocate():
    """Allocates as a decoder under a limit: glibc refuses more than the address space has."""
    malloc = ctypes.CDLL(None).malloc
    malloc.argtypes, malloc.restype = [ctypes.c_size_t], ctypes.c_void_p
    assert malloc(2**62) is None


def test_a_failed_allocation_of_this_thread_is_reported_until_cleared():
    watch = AllocationWatch()
    watch.clear()
    assert not watch.failed
    other = threading.Thread(target=fail_to_allocate)
    other.start()
    other.join()
    assert not watch.failed
    fail_to_allocate()
    assert watch.failed
    watch.clear()
    assert not watch.failed


def test_the_guard_changes_only_errors_after_a_failed_allocation():
    watch = AllocationWatch()
    with pytest.raises(MemoryError, match="invalid data"), watch.guard(ValueError):
        fail_to_allocate()
        raise ValueError("invalid data")
    with pytest.raises(ValueError, match="invalid data"), watch.guard(ValueError):
        raise ValueError("invalid data")
    with pytest.raises(KeyError), watch.guard(ValueError):
        fail_to_allocate()
        raise KeyError
