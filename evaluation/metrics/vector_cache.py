"""Unit vectors on disk, so that no frame or text is embedded twice.

One SQLite file, which several processes may use at once (on a local disk: SQLite's locks do not hold on every network
file system). A vector that is not of unit norm, as in a damaged file, counts as not there.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from models.clip import Vectors
from schemas.errors import ConfigError

_ASKED = 500  # keys of one SQL statement


class VectorCache:
    """Unit vectors by key in a SQLite file. Threads and processes may share the file."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises ConfigError when it cannot be, or is no such file."""
        self._path, self._lock = path, threading.Lock()
        with self._errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=120, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL)")

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Vectors]:
        """The vectors (d,) that are there and sound."""
        found: dict[bytes, Vectors] = {}
        with self._errors(), self._lock:
            for start in range(0, len(keys), _ASKED):
                part = keys[start : start + _ASKED]
                marks = ",".join("?" * len(part))
                rows = self._db.execute(f"SELECT key, vector FROM vectors WHERE key IN ({marks})", part)  # noqa: S608
                for key, blob in rows:
                    if isinstance(blob, bytes) and blob and len(blob) % 4 == 0:
                        vector = np.frombuffer(blob, "<f4")
                        if abs(float(np.linalg.norm(vector)) - 1) < 1e-3:
                            found[key] = vector
        return found

    def put(self, vectors: Mapping[bytes, Vectors]) -> None:
        """Store vectors in one transaction; those that are there already are replaced."""
        rows = [(key, vector.astype("<f4").tobytes()) for key, vector in vectors.items()]
        with self._errors(), self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise ConfigError(
                f"the cache of embeddings {self._path} cannot be used ({error}): remove it, or name another"
            ) from error
