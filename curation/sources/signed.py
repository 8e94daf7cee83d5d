"""The addresses with their signatures, for as long as a run takes.

They are in the list that the user wrote, and a run reads that list before it downloads anything. So they need no place
in the workspace: a signature that expires meanwhile is replaced in the list.
"""

from __future__ import annotations

import sqlite3
import threading


class SignedAddresses:
    """Finds the address with its signature by the address without it. Threads may share it.

    Lists may have any length, so most of it is in a temporary file without a name, which ends with this object.
    """

    def __init__(self) -> None:
        """Open an empty temporary database."""
        self._lock = threading.Lock()
        self._connection = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=OFF")
        self._connection.execute("CREATE TABLE addresses (uri TEXT PRIMARY KEY, signed TEXT) WITHOUT ROWID")

    def keep(self, uri: str, signed: str) -> None:
        """Keep an address; a later one of the same place replaces it."""
        with self._lock:
            self._connection.execute("INSERT OR REPLACE INTO addresses VALUES (?, ?)", (uri, signed))

    def of(self, uri: str) -> str:
        """The address as it was given; `uri` itself where nothing was kept."""
        with self._lock:
            row = self._connection.execute("SELECT signed FROM addresses WHERE uri = ?", (uri,)).fetchone()
        return str(row[0]) if row is not None else uri

    def close(self) -> None:
        """Close and remove the temporary database."""
        with self._lock:
            self._connection.close()
