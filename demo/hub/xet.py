"""Reads what hf_xet stored in a folder (`local://DIR`): which files there are, and their bytes.

The Hub's own store does this on its side. Formats: https://huggingface.co/docs/xet/shard and .../xorb. Every file that
is read here is compared with its SHA-256, so a mistake in these readers cannot pass for a file.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import pyarrow as pa

_RECORD = 48  # bytes of every entry of a shard
_WITH_METADATA, _WITH_VERIFICATION = 1 << 30, 1 << 31
_PLAIN, _LZ4, _GROUPED_LZ4 = 0, 1, 2


class Segment(NamedTuple):
    """A part of a file: chunks `first` to `end` (exclusive) of a xorb, which is `size` bytes of the file."""

    xorb: str
    first: int
    end: int
    size: int


class StoredFile(NamedTuple):
    """A file of the store: its Xet hash, and where its parts lie."""

    hash: str
    segments: tuple[Segment, ...]


class XetFolder:
    """A folder that hf_xet writes to. What others write meanwhile is found at the next look."""

    def __init__(self, root: Path) -> None:
        """Use the folder `root`, which hf_xet makes."""
        self._root = root
        self._stored = root / "xet" / "xorbs"  # where hf_xet 1.8 puts them
        self._files: dict[str, StoredFile] = {}
        self._read: set[Path] = set()

    @property
    def address(self) -> str:
        """The address that hf_xet takes."""
        return f"local://{self._root}"

    @property
    def stored_bytes(self) -> int:
        """The bytes of all xorbs: what was really sent."""
        return sum(path.stat().st_size for path in self._stored.glob("xorbs/default.*"))

    def find(self, sha256: str) -> StoredFile | None:
        """The file with this SHA-256 (64 hex digits); None when nobody has uploaded it."""
        if sha256 not in self._files:
            for path in sorted(self._stored.glob("shards/*.mdb")):
                if path not in self._read:
                    self._files |= dict(_files(path.read_bytes()))
                    self._read.add(path)
        return self._files.get(sha256)

    def copy(self, sha256: str, target: BinaryIO) -> int:
        """Write a file's bytes to `target`; returns their number. Raises ValueError when they are not whole."""
        found, digest, size = self._files[sha256], hashlib.sha256(), 0
        for segment in found.segments:
            path = self._stored / "xorbs" / f"default.{segment.xorb}"
            data = b"".join(_chunks(path.read_bytes(), segment.first, segment.end))
            if len(data) != segment.size:
                raise ValueError(f"{path.name}: {len(data)} bytes, stated are {segment.size}")
            digest.update(data)
            size += target.write(data)
        if digest.hexdigest() != sha256:
            raise ValueError(f"{sha256}: the stored bytes have another hash")
        return size


def _files(shard: bytes) -> Iterator[tuple[str, StoredFile]]:
    """The files that a shard describes, by SHA-256; those without one are left out."""
    at = _RECORD  # after the header
    while True:
        record = shard[at : at + _RECORD]
        if len(record) < _RECORD or record[:32] == b"\xff" * 32:
            return
        flags, count = struct.unpack_from("<II", record, 32)
        at += _RECORD
        segments = tuple(_segment(shard[at + number * _RECORD :]) for number in range(count))
        at += count * _RECORD * (2 if flags & _WITH_VERIFICATION else 1)
        if flags & _WITH_METADATA:
            yield _hex(shard[at : at + 32]), StoredFile(_hex(record[:32]), segments)
            at += _RECORD


def _segment(record: bytes) -> Segment:
    _flags, size, first, end = struct.unpack_from("<IIII", record, 32)
    return Segment(_hex(record[:32]), first, end, size)


def _hex(value: bytes) -> str:
    """A hash as text: four numbers of 64 bits, each stored with the lowest byte first."""
    return "".join(f"{part:016x}" for part in struct.unpack("<4Q", value))


def _chunks(xorb: bytes, first: int, end: int) -> Iterator[bytes]:
    """The chunks `first` to `end` (exclusive) of a xorb."""
    at = 0
    for number in range(end):
        packed = int.from_bytes(xorb[at + 1 : at + 4], "little")
        scheme, size = xorb[at + 4], int.from_bytes(xorb[at + 5 : at + 8], "little")
        if number >= first:
            yield _unpacked(xorb[at + 8 : at + 8 + packed], scheme, size)
        at += 8 + packed


def _unpacked(data: bytes, scheme: int, size: int) -> bytes:
    if scheme == _PLAIN:
        return data
    if scheme not in (_LZ4, _GROUPED_LZ4):
        raise ValueError(f"compression scheme {scheme}")
    plain: bytes = pa.Codec("lz4").decompress(data, decompressed_size=size, asbytes=True)
    return plain if scheme == _LZ4 else _ungrouped(plain)


def _ungrouped(data: bytes) -> bytes:
    """Undo byte grouping: every fourth byte stands together with its like."""
    grouped, made, at = np.frombuffer(data, np.uint8), np.empty(len(data), np.uint8), 0
    for offset in range(4):
        part = made[offset::4]
        part[:] = grouped[at : at + len(part)]
        at += len(part)
    return made.tobytes()
