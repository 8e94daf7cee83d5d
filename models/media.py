"""Pictures as files that the server reads itself: cheaper than base64 where both see one file system."""

from __future__ import annotations

import hashlib
import os
import secrets
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from models.chat import Request
from schemas.errors import ConfigError, StorageFull, is_storage_full


class Media:
    """Pictures of running calls in the folder that the server may read; threads share it.

    A picture is there from before its first request until after its last. Files that were there before stay there.
    """

    def __init__(self, folder: Path) -> None:
        """Use `folder` (made if missing). Raises ConfigError when nothing can be written there."""
        self._folder = folder.expanduser().absolute()
        self._users: Counter[str] = Counter()
        self._written: set[str] = set()
        self._lock = threading.Lock()
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"media_path {str(folder)!r} cannot be used: {error.strerror}") from error
        if not os.access(self._folder, os.W_OK | os.X_OK):
            raise ConfigError(f"media_path {str(folder)!r} cannot be written to")

    @contextmanager
    def lent(self, requests: Sequence[Request]) -> Iterator[list[str | None]]:
        """file:// addresses of the requests' pictures (None: no picture); they lie there until the block ends.

        Raises StorageFull.
        """
        taken: list[str] = []
        try:
            urls: list[str | None] = []
            for request in requests:
                if request.image is None:
                    urls.append(None)
                    continue
                name = f"{hashlib.sha256(request.image).hexdigest()}.jpg"
                self._take(name, request.image)
                taken.append(name)
                urls.append((self._folder / name).as_uri())
            yield urls
        finally:
            for name in taken:
                self._give_back(name)

    def _take(self, name: str, image: bytes) -> None:
        with self._lock:
            path = self._folder / name
            if self._users[name] == 0 and not (path.is_file() and path.stat().st_size == len(image)):
                _write(path, image)
                self._written.add(name)
            self._users[name] += 1

    def _give_back(self, name: str) -> None:
        with self._lock:
            self._users[name] -= 1
            if self._users[name] > 0:
                return
            del self._users[name]
            if name in self._written:
                self._written.discard(name)
                (self._folder / name).unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        if is_storage_full(error):
            raise StorageFull(f"no space left in media_path ({error.strerror})") from error
        raise
