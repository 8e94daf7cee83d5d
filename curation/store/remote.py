"""A store whose files lie at an address, where several machines share them; the local folder is a bounded cache.

A file is in the address, whole and checked, before `add` returns: so no row of a ledger names one that is not there.
Frames stay local. They are drawn again from the video where they are missing, which costs less than to send them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

from curation.store.borrowed import BorrowedStore
from curation.store.bucket import Bucket, open_bucket
from curation.store.cache import IN_USE_SECONDS, Cache, folder_bytes
from curation.store.store import Kind, Store, Stored
from schemas.errors import ConfigError, NotStored
from schemas.kit.single_flight import SingleFlight
from schemas.records import Video

log = logging.getLogger(__name__)
_FEW = 16  # files that are asked for one by one; for more the address is listed


class RemoteStore(Store):
    """Files at an address, and those that were used of late in the folder `root`."""

    def __init__(self, bucket: Bucket, root: Path, cache_bytes: int, in_use_seconds: float = IN_USE_SECONDS) -> None:
        """Use the files of `bucket`, and `root` for at most `cache_bytes` and what is in use (see `Cache`).

        Nothing is asked or written yet. Raises ConfigError when the address lies in the folder, or the folder in it.
        """
        super().__init__(root)
        if bucket.overlaps(root):
            raise ConfigError(f"store.address: {bucket.shown} and {root} lie in each other: choose another folder")
        self.bucket = bucket
        self._cache = Cache(root, cache_bytes, self._is_there, in_use_seconds)
        self._fetching: SingleFlight[None] = SingleFlight()
        self._lacking: set[str] = set()
        self._lock = threading.Lock()

    def clean(self) -> None:
        """As `Store.clean`; also sees that the address can be used. Raises MachineTrouble where it cannot."""
        super().clean()
        self.bucket.probe()
        self.bucket.clean()
        self._cache.evict()

    def take(self, kind: Kind, sha256: str, extension: str, size: int | None = None) -> Path:
        """The path of a file whose content is what its name says, fetched where it is not in the folder.

        It stays there for half an hour at least. Raises as `Store.take` (NotStored when it is not in the address
        either), TransientError `store_unreachable`, and MachineTrouble.
        """
        path = self.path(kind, sha256, extension)
        if self._cache.use(path):
            try:
                self._take_local(kind, sha256, extension, size)
                self._send_lacking(path, sha256)
                return path
            except NotStored as error:
                log.warning("%s; taking it from %s", error.evidence, self.bucket.shown)
        self._fetching.run(path.name, lambda: self._fetch(path, sha256, size))
        return path

    def sizes(self, videos: Sequence[Video]) -> dict[str, int]:
        """The bytes of the files of these videos in the address, by SHA-256. Raises as `Bucket.sizes`.

        One that is in the folder only is sent there when it is taken next.
        """
        names = {video.sha256: self._name(self.path("videos", video.sha256, video.extension)) for video in videos}
        if len(names) > _FEW:
            listed = self.bucket.sizes("videos")
            found = {sha256: listed[name] for sha256, name in names.items() if name in listed}
        else:
            asked = {sha256: self.bucket.size(name) for sha256, name in names.items()}
            found = {sha256: size for sha256, size in asked.items() if size is not None}
        with self._lock:
            self._lacking |= {video.sha256 for video in videos if found.get(video.sha256) != video.bytes}
        return found

    def frames(self, key: str) -> Path:
        """As `Store.frames`; the folder stays for half an hour at least."""
        folder = super().frames(key)
        self._cache.use(folder)
        return folder

    def commit_frames(self, folder: Path, key: str) -> Path:
        """As `Store.commit_frames`."""
        target = super().commit_frames(folder, key)
        self._cache.use(target)
        self._cache.added(folder_bytes(target))
        return target

    def _place(self, kind: Kind, file: Path, extension: str, sha256: str, size: int) -> Stored:
        stored = super()._place(kind, file, extension, sha256, size)
        self._cache.use(stored.path)
        self.bucket.send(self._name(stored.path), stored.path, sha256, size)
        with self._lock:
            self._lacking.discard(sha256)
        self._cache.added(size)
        return stored

    def _fetch(self, path: Path, sha256: str, size: int | None) -> None:
        with self.scratch() as folder:
            fetched = folder / "fetched"
            self.bucket.fetch(self._name(path), fetched, sha256, size)
            self._replace(path, fetched)
        self._cache.use(path)
        self._cache.added(path.stat().st_size)

    def _send_lacking(self, path: Path, sha256: str) -> None:
        with self._lock:
            lacking = sha256 in self._lacking
        if lacking:
            log.info("%s is gone from %s; sending it again", path.name, self.bucket.shown)
            self.bucket.send(self._name(path), path, sha256, path.stat().st_size)
            with self._lock:
                self._lacking.discard(sha256)

    def _is_there(self, path: Path) -> bool:
        return self.bucket.size(self._name(path)) == path.stat().st_size

    def _name(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


class BorrowedRemoteStore(RemoteStore):
    """The store at an address and the folder of a workspace, both only read; what comes from there lies elsewhere."""

    def __init__(self, lender: Path, bucket: Bucket, root: Path, cache_bytes: int) -> None:
        """Read the folder `lender` and the files of `bucket`, and write to the folder `root`."""
        super().__init__(bucket, root, cache_bytes)
        self._lender = BorrowedStore(lender, root)

    def take(self, kind: Kind, sha256: str, extension: str, size: int | None = None) -> Path:
        """As `RemoteStore.take`; the lender's file, which its owner may remove, where it has one."""
        try:
            return self._lender.take(kind, sha256, extension, size)
        except NotStored:
            return super().take(kind, sha256, extension, size)

    def frames(self, key: str) -> Path:
        """The folder of sampled frames: the own one, where frames were drawn again, else the lender's."""
        own = super().frames(key)
        return own if own.exists() else self._lender.frames(key)

    def _place(self, kind: Kind, file: Path, extension: str, sha256: str, size: int) -> Stored:
        return Store._place(self, kind, file, extension, sha256, size)


def open_store(address: str | None, folder: Path, cache_bytes: int) -> Store:
    """The store at an address with the local folder `folder`; without an address, the store in this folder.

    `cache_bytes` bound the folder of a store with an address. Raises ConfigError as `open_bucket`.
    """
    return Store(folder) if address is None else RemoteStore(open_bucket(address), folder, cache_bytes)
