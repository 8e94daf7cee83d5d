"""Errors of file systems as sentences."""

from __future__ import annotations

import errno
import sqlite3

import pytest

from schemas.kit.file_trouble import file_trouble


def test_whatever_a_file_system_says_of_a_file_is_a_sentence_that_names_it() -> None:
    for number in errno.errorcode:
        told = file_trouble(OSError(number, "words of the system", "/data/a"))
        assert told is not None and told.startswith("/data/a: ") and "Errno" not in told


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(errno.EACCES, "", "/data/a"), "no permission for it; choose a place"),
        (OSError(errno.EROFS, "", "/data/a"), "mounted read-only; choose a place"),
        (OSError(errno.EDQUOT, ""), "quota"),
        (OSError(errno.EIO, "", b"/data/a"), "/data/a: the device reports"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "readonly database"),
    ],
)
def test_the_commonest_have_their_words(error: Exception, words: str) -> None:
    assert words in str(file_trouble(error))


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        OSError("x"),
        ConnectionRefusedError(errno.ECONNREFUSED, "refused"),
        PermissionError(errno.EACCES, "a port below 1024"),
    ],
)
def test_what_is_of_no_file_system_is_left_to_others(error: Exception) -> None:
    assert file_trouble(error) is None
