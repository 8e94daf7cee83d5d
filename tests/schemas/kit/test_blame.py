"""The list of what is no video's fault, error by error."""

from __future__ import annotations

import errno
import sqlite3
from concurrent.futures import BrokenExecutor

import av
import pytest
import sqlalchemy as sa

from schemas.errors import PermanentError, PoisonError, TransientError
from schemas.kit.blame import blame, in_one_line

MACHINE = [
    ImportError("cannot import name 'AutoImageProcessor' from 'transformers'"),
    ModuleNotFoundError("No module named 'av'"),
    OSError(errno.EMFILE, "Too many open files"),
    OSError(errno.ENFILE, "Too many open files in system"),
    OSError(errno.EIO, "Input/output error"),
    PermissionError(errno.EACCES, "Permission denied", "store/frames"),
    RuntimeError("can't start new thread"),
    RuntimeError("cannot schedule new futures after shutdown"),
    RuntimeError("CUDA error: an illegal memory access was encountered"),
    NotImplementedError("Cannot copy out of meta tensor; no data!"),
    sa.exc.OperationalError("SELECT 1", None, Exception("database is locked")),
    sa.exc.DatabaseError("SELECT 1", None, Exception("database disk image is malformed")),
    sa.exc.TimeoutError("QueuePool limit"),
    sqlite3.DatabaseError("file is not a database"),
    BrokenExecutor("the child ended"),
]
MOMENT = [
    MemoryError(),
    OSError(errno.ENOMEM, "Cannot allocate memory"),
    OSError("libdecord.so: failed to map segment from shared object"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory: you tried"),
    RuntimeError("CUDA out of memory. Tried to allocate 20.00 MiB"),
    ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
    TimeoutError("timed out"),
]
VIDEO = [
    ZeroDivisionError("a fault of ours"),
    ValueError("Invalid data found when processing input"),
    KeyError("caption"),
    FileNotFoundError(errno.ENOENT, "No such file", "a.jpg"),
    av.error.OSError(errno.EIO, "Input/output error", "a.mp4"),  # FFmpeg says so of files that end too early
    PermanentError("no_frames", "a title that says: out of memory, CUDA error, too many open files"),
]


@pytest.mark.parametrize(
    ("errors", "whose"),
    [(MACHINE, "machine"), (MOMENT, "moment"), (VIDEO, "video")],
    ids=["machine", "moment", "video"],
)
def test_every_error_has_its_blame(errors: list[BaseException], whose: str) -> None:
    assert {repr(error): blame(error) for error in errors} == {repr(error): whose for error in errors}


def caused(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def test_a_verdict_on_a_video_does_not_hold_when_the_machine_caused_it() -> None:
    for cause, whose in (
        (OSError(errno.EMFILE, "x"), "machine"),
        (ImportError("x"), "machine"),
        (MemoryError(), "moment"),
    ):
        assert blame(caused(PermanentError("unreadable_picture", "frame 3"), cause)) == whose
        assert blame(caused(PoisonError("unexpected", "x"), cause)) == whose


def test_a_file_that_may_not_be_read_and_a_limit_of_the_sandbox_stay_the_videos() -> None:
    for number in (errno.EACCES, errno.EIO):
        assert blame(caused(PermanentError("unreadable_file", "a.mp4"), OSError(number, "x"))) == "video"
    for reason in ("memory", "crashed", "timeout"):
        assert blame(caused(PoisonError(reason, "4096 MB"), MemoryError())) == "video"
    assert blame(TransientError("network", "connection reset")) == "video"  # its class says all


def test_errors_in_one_line() -> None:
    assert in_one_line(ValueError("a\n  b" + "c" * 400)) == "ValueError: a b" + "c" * 285
    assert in_one_line(MemoryError()) == "MemoryError"
