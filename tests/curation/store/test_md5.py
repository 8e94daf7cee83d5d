"""A local file against what a store tells: MD5 of the whole, of parts, or nothing that could be compared."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from curation.store import md5
from curation.store.md5 import same_md5


def _hex(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def test_the_md5_of_the_whole_or_of_the_parts_says_that_it_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(md5, "PART", 100)
    content = bytes(range(256))
    file = tmp_path / "film.mp4"
    file.write_bytes(content)
    parts = b"".join(bytes.fromhex(_hex(content[start : start + 100])) for start in (0, 100, 200))
    google, other = (base64.b64encode(data).decode() for data in (bytes.fromhex(_hex(content)), bytes(16)))
    for told in ({"ETag": f'"{_hex(content)}"'}, {"ETag": f'"{_hex(parts)}-3"'}, {"md5Hash": google}):
        assert same_md5(told, file)
    tags = (None, "", "0x8D", f'"{_hex(b"other")}"', f'"{_hex(parts)}-2"', f'"{_hex(content)}-x"')
    for told in ({}, {"md5Hash": other}, *({"ETag": tag} for tag in tags)):
        assert not same_md5(told, file)
