"""What was read of the sources so far: ids and addresses, kept on disk, so that repetitions are found, and how far."""

from __future__ import annotations

import hashlib
import re
import sqlite3

from schemas.errors import PermanentError
from schemas.records import Origin, Rejection, Source

_PLACE = re.compile(r"(?P<list>.*?) row (?P<row>[0-9]+)[:,]", re.DOTALL)


class Seen:
    """The ids and addresses that were read so far, and which rows of which lists.

    Only a small cache is in memory, the rest is on disk: lists may have any length.
    """

    whole = False
    """Whether all sources were read to their end."""

    def __init__(self) -> None:
        """Open an empty temporary database. It is removed together with this object."""
        self._connection = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode=OFF")
        self._connection.execute("BEGIN")
        self._connection.execute(
            "CREATE TABLE seen (address BLOB PRIMARY KEY, id TEXT UNIQUE, place TEXT) WITHOUT ROWID"
        )
        self._connection.execute("CREATE TABLE unusable (text BLOB PRIMARY KEY, count INTEGER) WITHOUT ROWID")
        self._last: dict[str, float] = {}
        self.places: dict[str, set[str]] = {}  # of each list or folder on this machine by its name: where it lies
        self.doubtful: frozenset[str] = frozenset()  # names of which nobody knows which list an earlier row came from

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

    def pass_row(self, origin: Origin) -> None:
        """Note that a row of a list, or of a folder, is being read."""
        self._last[origin.list_name] = origin.row

    def pass_place(self, list_name: str, path: str) -> None:
        """Note where a list or folder lies that is read under this name: lists of one name may be several."""
        self.places.setdefault(list_name, set()).add(path)

    def pass_end(self, list_name: str) -> None:
        """Note that a list was read to its end."""
        self._last[list_name] = float("inf")

    def unusable_id(self, text: str) -> str:
        """An id for a row that gives no source, from what stands in it.

        It stays when the row or the whole list moves, and is another one once the row is mended. Equal rows have
        different ids: the first, the second and so on.
        """
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        row = self._connection.execute("SELECT count FROM unusable WHERE text = ?", (key,)).fetchone()
        count = 1 + (row[0] if row is not None else 0)
        self._connection.execute("INSERT OR REPLACE INTO unusable VALUES (?, ?)", (key, count))
        return hashlib.sha256(b"unusable row %d\0" % count + key).hexdigest()[:16]

    def is_gone(self, item: Source | Rejection) -> bool:
        """Whether a source, or a row that gave none, which was *not* read now has left the lists.

        A source has, when the place that it came from was read, unless its list is one of several of one name
        (`doubtful`). An unusable row has, when all sources were read,
        wherever its list was then, or when its place was read. A single file or address is no list: it never leaves.
        """
        if isinstance(item, Rejection):
            return self.whole or ((origin := origin_of(item.evidence)) is not None and self._passed(origin))
        doubtful = item.origin.list_name in self.doubtful
        return item.origin.row > 0 and not doubtful and self._passed(item.origin)

    def _passed(self, origin: Origin) -> bool:
        return origin.row <= self._last.get(origin.list_name, 0)

    def close(self) -> None:
        """Close and remove the temporary database."""
        self._connection.close()


def origin_text(origin: Origin) -> str:
    """The list and the row that a source comes from, in words for a message."""
    return f"{origin.list_name} row {origin.row}" if origin.row else origin.list_name


def origin_of(evidence: str) -> Origin | None:
    """The place that the evidence of an unusable row begins with, as `origin_text` wrote it."""
    match = _PLACE.match(evidence)
    return Origin(list_name=match["list"], row=int(match["row"])) if match is not None else None
