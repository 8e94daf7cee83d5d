"""Whether the files of a ledger in SQLite are what SQLite wrote: before they are opened, and once they are open."""

from __future__ import annotations

import sqlite3
import struct
from pathlib import Path

import sqlalchemy as sa

from curation.ledger.part import altered
from schemas.errors import LedgerDamaged

_MAGIC = b"SQLite format 3\x00"
_HEADER, _WAL_HEADER = 100, 32
_LOGGED = b"\x02\x02"  # the versions in the header that say so
# Up to this size a check takes a few hundredths of a second: every command makes it. A run always does.
QUICK_BYTES = 32_000_000
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_ALSO = ("Could not decode to UTF-8", "no such table", "no such column")


def fault_of_files(path: Path) -> str | None:
    """What is wrong with a ledger's file or with its write-ahead log, by their headers and sizes; None for nothing.

    SQLite itself passes over a write-ahead log whose header is damaged, and the rows in it are gone. An empty or
    missing file has no fault. Raises OSError.
    """
    wal = path.with_name(path.name + "-wal")
    logged = wal.stat().st_size if wal.exists() else 0
    if not path.exists() or path.stat().st_size == 0:
        return None
    with path.open("rb") as stream:
        header = stream.read(_HEADER)
    if len(header) < _HEADER or not header.startswith(_MAGIC):
        return "it is not a SQLite database"
    size = int.from_bytes(header[16:18], "big")
    size = 65_536 if size == 1 else size
    if size < 512 or size & (size - 1):
        return "its header is damaged"
    pages = int.from_bytes(header[28:32], "big")
    # While there is a log, its pages may not be in the file yet.
    if logged <= _WAL_HEADER and header[24:28] == header[92:96] and path.stat().st_size < pages * size:
        return f"it is cut off: {path.stat().st_size:,} of {pages * size:,} bytes are there"
    if logged >= _WAL_HEADER and not is_log(wal):
        return f"{wal.name} is not its write-ahead log"
    return None


def is_blank(path: Path) -> bool:
    """Whether a ledger's file is missing or empty, with nothing in its write-ahead log either."""
    wal = path.with_name(path.name + "-wal")
    sizes = [file.stat().st_size if file.exists() else 0 for file in (path, wal)]
    return sizes[0] == 0 and sizes[1] <= _WAL_HEADER


def came_alone(path: Path) -> bool:
    """Whether a ledger's file was last written with a write-ahead log, and has none beside it.

    A closed ledger is so too. Backups are not: they are written without a log.
    """
    wal = path.with_name(path.name + "-wal")
    if not path.is_file() or (wal.exists() and wal.stat().st_size > _WAL_HEADER):
        return False
    with path.open("rb") as stream:
        return stream.read(20)[18:20] == _LOGGED


def check_pages(engine: sa.Engine, most_bytes: int | None = None, *, whole: bool = False) -> None:
    """Have SQLite check how its pages hang together; above `most_bytes` nothing is done. Nor is it on PostgreSQL.

    `whole`: the indexes too, which takes some times as long.

    It takes about a second a gigabyte. What rows say is not looked at: their checksums are compared when they are
    read. Raises LedgerDamaged.
    """
    if engine.dialect.name != "sqlite":
        return
    if most_bytes is not None and Path(str(engine.url.database)).stat().st_size > most_bytes:
        return
    with engine.connect() as connection:
        pragma = "integrity_check" if whole else "quick_check"
        said = connection.exec_driver_sql(f"PRAGMA {pragma}(3)").scalars().all()
    if said != ["ok"]:
        raise altered(
            engine, f"its pages are damaged ({'; '.join(' '.join(str(line).split()) for line in said)[:300]})"
        )


def name_damage(engine: sa.Engine) -> None:
    """From now on SQLite's word for a damaged file becomes LedgerDamaged, whoever was reading."""

    def name(context: sa.engine.ExceptionContext) -> LedgerDamaged | None:
        error = context.original_exception
        if isinstance(error, UnicodeDecodeError):  # SQLite's message quotes what is no text
            return altered(engine, "it is damaged")
        if isinstance(error, sqlite3.DatabaseError):
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in _DAMAGED or str(error).startswith(_ALSO):
                return altered(engine, f"it is damaged ({error})")
        return None

    sa.event.listen(engine, "handle_error", name)


def is_log(wal: Path) -> bool:
    """Whether the header of a write-ahead log is whole; one of zeros is: it was never written to the disk."""
    with wal.open("rb") as stream:
        header = stream.read(_WAL_HEADER)
    if not any(header):
        return True
    magic = int.from_bytes(header[:4], "big")
    if magic not in (0x377F0682, 0x377F0683):
        return False
    words = struct.unpack(f"{'>' if magic & 1 else '<'}6I", header[:24])
    first = second = 0
    for even, odd in zip(words[::2], words[1::2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return struct.unpack(">2I", header[24:32]) == (first, second)
