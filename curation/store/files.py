"""Files on disk: hashing, and writing a file as a whole or not at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def hash_file(path: Path) -> tuple[str, int]:
    """SHA-256 (64 hex) and size in bytes of a file, read in blocks."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
        return digest.hexdigest(), stream.tell()


def write_whole(path: Path, text: str) -> None:
    """Replace a file in one step, durably: readers see the old text or the new one, also after a crash.

    Folders on the way are made. A character that UTF-8 cannot hold becomes `?`. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8", errors="replace") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
