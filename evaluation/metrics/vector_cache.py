"""A cache of vectors in a SQLite file, so that no frame or text is embedded twice.

Several processes may use the file at once, on a local disk: SQLite's locks do not work on every network file system. A
unit vector that does not have unit norm, as in a damaged file, counts as missing.
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

_KEYS = 500  # keys in one SQL statement


class VectorCache:
    """Vectors by key in a SQLite file. Threads and processes may share the file."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises ConfigError when that fails, and when the file is not such a cache."""
        self._path, self._lock = path, threading.Lock()
        with self._errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=120, check_same_thread=False, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL)")

    def get(self, keys: Sequence[bytes], *, unit: bool = True) -> dict[bytes, Vectors]:
        """The vectors (d,) of the keys that have a sound one: of unit norm, or with `unit=False` finite and not 0."""
        vectors: dict[bytes, Vectors] = {}
        with self._errors(), self._lock:
            for start in range(0, len(keys), _KEYS):
                part = keys[start : start + _KEYS]
                marks = ",".join("?" * len(part))
                rows = self._db.execute(f"SELECT key, vector FROM vectors WHERE key IN ({marks})", part)  # noqa: S608
                for key, blob in rows:
                    if isinstance(blob, bytes) and blob and len(blob) % 4 == 0:
                        vector = np.frombuffer(blob, "<f4")
                        norm = float(np.linalg.norm(vector.astype(np.float64)))
                        if abs(norm - 1) < 1e-3 if unit else 0 < norm < np.inf:
                            vectors[key] = vector
        return vectors

    def put(self, vectors: Mapping[bytes, Vectors]) -> None:
        """Store vectors in one transaction. A vector replaces an earlier one of the same key."""
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
