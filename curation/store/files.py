"""Two jobs on files: the hash of a file, and an atomic write."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def hash_file(path: Path) -> tuple[str, int]:
    """The SHA-256 (64 hex digits) and the size in bytes of a file, which is read in blocks."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
        return digest.hexdigest(), stream.tell()


def write_whole(path: Path, content: str | bytes, *, durable: bool = False) -> None:
    """Write a file as a whole or not at all: under another name in its folder first, then renamed to `path`.

    The folder is made where it is missing. Text is written in UTF-8; a character that UTF-8 cannot store is written as
    `?`. With `durable` the content is on the disk before the rename, so that it also survives a power failure. Raises
    OSError; then an old file stays as it is. Two threads of one process must not write the same file at once.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as stream:
            stream.write(content.encode("utf-8", "replace") if isinstance(content, str) else content)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
