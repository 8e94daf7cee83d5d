"""Reads the files of another workspace's store and writes nothing there: what is made anew lies elsewhere."""

from __future__ import annotations

import stat
from pathlib import Path

from curation.store.files import hash_file
from curation.store.store import Kind, Store
from schemas.errors import NotStored


class BorrowedStore(Store):
    """A store that also has the files of another one, which it only reads."""

    def __init__(self, lender: Path, root: Path) -> None:
        """Read the store at `lender`, and write to the folder `root`."""
        super().__init__(root)
        self._lender = Store(lender)

    def frames(self, key: str) -> Path:
        """The folder of sampled frames: the own one, where frames were drawn again, else the other store's."""
        own = super().frames(key)
        return own if own.exists() else self._lender.frames(key)

    def take(self, kind: Kind, sha256: str, extension: str, size: int | None = None) -> Path:
        """The path of the other store's file, whose content was read. Raises NotStored and OSError as `Store.take`."""
        path = self._lender.path(kind, sha256, extension)
        try:
            found = path.lstat()
            whole = stat.S_ISREG(found.st_mode) and size in (None, found.st_size) and hash_file(path)[0] == sha256
        except FileNotFoundError as error:
            raise NotStored("file_missing", f"{path.name} is gone from the store") from error
        if not whole:
            raise NotStored("file_damaged", f"{path.name} in the store has other content than its name says")
        return path
