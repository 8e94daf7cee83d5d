"""Two jobs on files: the hash of a file, and an atomic write of a text file."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def hash_file(path: Path) -> tuple[str, int]:
    """The SHA-256 (64 hex digits) and the size in bytes of a file, which is read in blocks."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
        return digest.hexdigest(), stream.tell()


def write_whole(path: Path, text: str) -> None:
    """Write a text file (UTF-8) as a whole or not at all: under another name first, then renamed to `path`.

    A character that UTF-8 cannot store is written as `?`. Raises OSError.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8", errors="replace")
    temporary.replace(path)
