"""Compares a local file with the MD5 that an object store tells: of the whole file, or of the parts it came in."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

PART = 8 << 20  # bytes of a part of an upload, as `aws s3 sync` makes them; smaller files than two parts are sent whole


def same_md5(told: dict[str, Any], file: Path) -> bool:
    """Whether the store tells the MD5 of a file, or of its parts, and it is that of the local file."""
    tag = str(told.get("ETag") or "").strip('"').lower()
    if told.get("md5Hash"):
        tag = base64.b64decode(told["md5Hash"]).hex()
    if len(tag) == 32:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, _md5).hexdigest() == tag
    whole, _, count = tag.partition("-")
    if len(whole) != 32 or not count.isdigit():
        return False
    parts = b""
    with file.open("rb") as stream:
        while block := stream.read(PART):
            parts += _md5(block).digest()
    return f"{_md5(parts).hexdigest()}-{len(parts) // 16}" == tag


def _md5(data: bytes = b"") -> Any:
    return hashlib.md5(data, usedforsecurity=False)
