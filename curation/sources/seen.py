"""Remembers the sources that were read already, on disk, so that a source is read once."""

from __future__ import annotations

import hashlib
import sqlite3

from schemas.errors import PermanentError
from schemas.records import Origin, Source


class Seen:
    """Ids and addresses seen so far, on disk beyond a small cache, so that lists may be of any length."""

    def __init__(self) -> None:
        """Open an empty temporary database; it vanishes with this object."""
        self._connection = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=OFF")
        self._connection.execute("BEGIN")
        self._connection.execute(
            "CREATE TABLE seen (address BLOB PRIMARY KEY, id TEXT UNIQUE, place TEXT) WITHOUT ROWID"
        )

    def add(self, source: Source, address: str) -> None:
        """Remember a source. Raises PermanentError `repeated_source` or `duplicate_id` naming the first row."""
        key = hashlib.sha256(address.encode()).digest()[:16]
        find = "SELECT address = ?1, place FROM seen WHERE address = ?1 OR id = ?2 ORDER BY 1 DESC"
        found = self._connection.execute(find, (key, source.id)).fetchone()
        if found is not None:
            same, place = found
            if same:
                raise PermanentError("repeated_source", f"the same address as {place}")
            raise PermanentError("duplicate_id", f"id {source.id} is that of another address, {place}")
        place = _place(source.origin)
        self._connection.execute("INSERT INTO seen VALUES (?, ?, ?)", (key, source.id, place))

    def close(self) -> None:
        """Give the temporary file back."""
        self._connection.close()


def _place(origin: Origin) -> str:
    return f"{origin.list_name} row {origin.row}" if origin.row else origin.list_name
