"""The ids and addresses of the sources that were read so far, kept on disk, so that repetitions are found."""

from __future__ import annotations

import hashlib
import sqlite3

from schemas.errors import PermanentError
from schemas.records import Origin, Source


class Seen:
    """The ids and addresses that were read so far.

    Only a small cache is in memory, the rest is on disk: lists may have any length.
    """

    def __init__(self) -> None:
        """Open an empty temporary database. It is removed together with this object."""
        self._connection = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=OFF")
        self._connection.execute("BEGIN")
        self._connection.execute(
            "CREATE TABLE seen (address BLOB PRIMARY KEY, id TEXT UNIQUE, place TEXT) WITHOUT ROWID"
        )

    def add(self, source: Source, address: str) -> None:
        """Remember a source and its canonical address.

        Raises PermanentError `repeated_source` when the address was read before, and `duplicate_id` when another
        address has the id; both name the row that came first.
        """
        key = hashlib.sha256(address.encode()).digest()[:16]
        query = "SELECT address = ?1, place FROM seen WHERE address = ?1 OR id = ?2 ORDER BY 1 DESC"
        earlier = self._connection.execute(query, (key, source.id)).fetchone()
        if earlier is not None:
            same_address, place = earlier
            if same_address:
                raise PermanentError("repeated_source", f"the same address as {place}")
            raise PermanentError("duplicate_id", f"id {source.id} is that of another address, {place}")
        place = origin_text(source.origin)
        self._connection.execute("INSERT INTO seen VALUES (?, ?, ?)", (key, source.id, place))

    def close(self) -> None:
        """Close and remove the temporary database."""
        self._connection.close()


def origin_text(origin: Origin) -> str:
    """The list and the row that a source comes from, in words for a message."""
    return f"{origin.list_name} row {origin.row}" if origin.row else origin.list_name
