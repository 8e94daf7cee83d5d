"""Makes a copy of a damaged SQLite file readable: a log that is none is left out, a first page is replaced."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

from curation.ledger.databases import FILE
from curation.ledger.integrity import is_log
from curation.ledger.ledger import Ledger
from curation.ledger.recovery.rows import DAMAGE

_HEADER = 100


def readable(root: Path, work: Path) -> sqlite3.Connection | None:
    """An open copy, in the folder `work`, of the ledger in `root`; None when no table of it can be found.

    The first page holds the header and begins the list of tables. Where SQLite cannot read it, the header of a new
    ledger takes its place, and then the whole page: new ledgers have their tables at the same places.
    """
    copy, log = work / "damaged.sqlite", work / "damaged.sqlite-wal"
    fresh = work / "fresh.sqlite"
    Ledger(f"sqlite:///{fresh}").close()
    first = fresh.read_bytes()[:4096]
    for replaced in (0, _HEADER, len(first)):
        for path in work.glob("damaged.sqlite*"):
            path.unlink()
        shutil.copyfile(root / FILE, copy)
        old_log = root / f"{FILE}-wal"
        if old_log.exists() and (replaced == 0 or not copy.stat().st_size) and is_log(old_log):
            shutil.copyfile(old_log, log)
        if replaced:
            _replace(copy, first[:replaced])
        connection = sqlite3.connect(copy)
        connection.text_factory = bytes
        try:
            connection.execute("SELECT rowid, video_id FROM results NOT INDEXED LIMIT 1").fetchall()
            return connection
        except DAMAGE:
            connection.close()
    return None


def _replace(copy: Path, start: bytes) -> None:
    """Write the start of a new ledger over that of the copy, with the number of pages that the copy has."""
    pages = max(1, -(-copy.stat().st_size // 4096))
    header = bytearray(start[:_HEADER])
    header[18:20] = b"\1\1"  # without a log
    header[28:32] = pages.to_bytes(4, "big")
    header[32:40] = bytes(8)  # no list of free pages
    header[92:96] = header[24:28]
    with copy.open("r+b") as stream:
        stream.write(bytes(header) + start[_HEADER:])
        stream.truncate(pages * 4096)
