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


def write_bytes_whole(path: Path, data: bytes) -> None:
    """Write bytes under another name and put the file into place; after an error nothing is left. Raises OSError."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Write a file under another name and put it into place. Raises OSError."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8", errors="replace")
    temporary.replace(path)
