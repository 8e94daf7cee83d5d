"""The files of a store at an address of fsspec: uploads that are checked, downloads by blocks, and bounded patience.

    ADDRESS/videos/ab/<sha256>.mp4      as in WORKSPACE/store, so that a folder can be copied there and back
    ADDRESS/subtitles/ab/<sha256>.vtt
    ADDRESS/sounds/ab/<sha256>.m4a
    ADDRESS/probe/v2xum                 what `probe` writes and reads
    ADDRESS/scratch/                    of file:// only: uploads that are not finished

Object stores show an object when it is whole, and not before; on a disk it is renamed into its place. What goes wrong
with the store is never a video's fault: it passes (TransientError), or it stops the run (MachineTrouble).
"""

from __future__ import annotations

import hashlib
import importlib
import logging
import os
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from curation.store.files import copy_file, sync
from curation.store.md5 import PART, same_md5
from curation.store.tries import pause, tried
from schemas.configuration.store_config import store_address
from schemas.errors import ConfigError, MachineTrouble, NotStored, TransientError

log = logging.getLogger(__name__)
T = TypeVar("T")

_BLOCK = 16 << 20  # bytes of a download that come at once
_PARTS_AT_ONCE = 4
_PATIENCE, _SLOWEST = 60.0, 64 << 10  # a request may take so many seconds, and a second more for so many bytes
_LISTING = 1800.0  # seconds; a million names take a thousand answers
_SENDINGS = 3
_PROBE = b"v2xum writes this to see that it can.\n"
_FORGOTTEN_SECONDS = 14 * 86_400.0
_NOWHERE = "there is no such bucket or folder: make it, or mount it"
_LIBRARIES = {
    "s3": ("s3fs", "pip install -e '.[s3]'"),
    "gs": ("gcsfs", "pip install gcsfs"),
    "az": ("adlfs", "pip install adlfs"),
    "abfs": ("adlfs", "pip install adlfs"),
}


class Bucket:
    """Files under one root of a file system of fsspec. Threads may share it.

    Every method raises TransientError `store_unreachable` when the store does not answer well after several tries, and
    MachineTrouble when it refuses: keys, permissions, a bucket that does not exist.
    """

    def __init__(self, files: Any, root: str, shown: str) -> None:
        """Use the file system `files` below `root`; messages call it `shown`. `open_bucket` is the usual way."""
        self.shown = shown
        self._files = files
        self._root = root.rstrip("/")
        protocols = (files.protocol,) if isinstance(files.protocol, str) else files.protocol
        self._on_disk, self._is_s3 = "file" in protocols, "s3" in protocols

    def size(self, name: str) -> int | None:
        """The bytes of a file, None where there is none."""
        told = self._told(name)
        return None if told is None else int(told["size"])

    def sizes(self, folder: str) -> dict[str, int]:
        """The names (relative to the root) and bytes of all files in a folder, read from a listing."""
        try:
            found = self._asked(f"listing {folder}", _LISTING, self._files.find, self._path(folder), detail=True)
        except FileNotFoundError as error:
            raise MachineTrouble(f"{self.shown}: {_NOWHERE}") from error
        cut = len(self._files._strip_protocol(self._root)) + 1
        return {name[cut:]: int(told["size"]) for name, told in found.items() if told.get("type") != "directory"}

    def holds(self, name: str, file: Path, sha256: str, size: int) -> bool:
        """Whether a file is there with the content of the local `file`, which has this hash and size.

        The store's MD5 tells it, where there is one; otherwise the file is read back.
        """
        told = self._told(name)
        if told is None or int(told["size"]) != size:
            return False
        try:
            return same_md5(told, file) or self._read_back(name, size) == sha256
        except NotStored:
            return False

    def send(self, name: str, file: Path, sha256: str, size: int) -> None:
        """Put a local file there, unless it is there whole. When the call returns, it is, and that was checked.

        Raises OSError when the local file cannot be read.
        """
        for sending in range(1, _SENDINGS + 1):
            if self.holds(name, file, sha256, size):
                return
            if sending > 1:
                log.warning("%s/%s is not what was sent; sending it again", self.shown, name)
                pause(sending)
            try:
                self._asked(f"writing {name}", _PATIENCE + size / _SLOWEST, self._upload, self._path(name), file)
            except FileNotFoundError as error:
                raise MachineTrouble(f"{self.shown}: {_NOWHERE}") from error
        if not self.holds(name, file, sha256, size):
            raise TransientError("store_unreachable", f"{self.shown}/{name} is not what was sent, {_SENDINGS} times")

    def fetch(self, name: str, target: Path, sha256: str, size: int | None = None) -> None:
        """Write a file to the new local file `target`, on the disk and with this hash.

        Raises NotStored: `file_missing`, or `file_damaged` when it has another size or, twice, another hash. OSError.
        """
        there = self.size(name)
        if there is None:
            raise NotStored("file_missing", f"{name} is gone from {self.shown}")
        if size is not None and there != size:
            raise NotStored("file_damaged", f"{name} in {self.shown} has {there} bytes instead of {size}")
        for _ in range(2):  # a second time: what comes wrong once may have been changed on its way
            with target.open("wb") as stream:
                if self._read_back(name, there, stream) == sha256:
                    stream.flush()
                    os.fsync(stream.fileno())
                    return
        raise NotStored("file_damaged", f"{name} in {self.shown} has other content than its name says")

    def probe(self) -> None:
        """Write a small file and read it back. Raises MachineTrouble, whatever goes wrong."""
        path = self._path("probe/v2xum")
        try:
            self._asked("writing a probe", _PATIENCE, self._pipe, path)
            found = self._asked("reading a probe", _PATIENCE, self._files.cat_file, path)
        except TransientError as error:
            raise MachineTrouble(f"{error.evidence}; see that the store can be reached from here") from error
        except FileNotFoundError as error:
            raise MachineTrouble(f"{self.shown}: {_NOWHERE}") from error
        if found != _PROBE:
            raise MachineTrouble(f"{self.shown}: a file comes back with other bytes than were written")

    def clean(self) -> None:
        """Remove what killed uploads left on a disk two weeks ago. In S3 a lifecycle rule does so."""
        for file in Path(self._root, "scratch").glob("*") if self._on_disk else ():
            with suppress(OSError):
                if file.stat().st_mtime < time.time() - _FORGOTTEN_SECONDS:
                    file.unlink()

    def overlaps(self, folder: Path) -> bool:
        """Whether this is on the disk, and one of the two folders lies in the other."""
        if not self._on_disk:
            return False
        mine, other = Path(self._root).resolve(), folder.resolve()
        return mine == other or mine in other.parents or other in mine.parents

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _told(self, name: str) -> dict[str, Any] | None:
        try:
            told = self._asked(f"asking for {name}", _PATIENCE, self._files.info, self._path(name))
        except FileNotFoundError:
            return None
        return dict(told) if told.get("type") == "file" else None

    def _upload(self, path: str, file: Path, **limit: Any) -> None:
        if self._on_disk:
            put_on_disk(file, Path(path), Path(self._root))
        elif self._is_s3:
            self._files.put_file(str(file), path, chunksize=PART, max_concurrency=_PARTS_AT_ONCE, **limit)
        else:
            self._files.put_file(str(file), path, **limit)

    def _pipe(self, path: str, **limit: Any) -> None:
        if self._on_disk:
            Path(self._root, "probe").mkdir(exist_ok=True)
        self._files.pipe_file(path, _PROBE, **limit)

    def _read_back(self, name: str, size: int, stream: BinaryIO | None = None) -> str | None:
        """Read a file by blocks, each with tries of its own, and return its SHA-256; None for a damaged one.

        Raises NotStored when it goes away.
        """
        digest = hashlib.sha256()
        for start in range(0, size, _BLOCK):
            end = min(start + _BLOCK, size)
            try:
                seconds = _PATIENCE + _BLOCK / _SLOWEST
                block = self._asked(f"reading {name}", seconds, self._block, self._path(name), start, end)
            except FileNotFoundError as error:
                raise NotStored("file_missing", f"{name} is gone from {self.shown}") from error
            except NotStored:
                return None
            digest.update(block)
            if stream is not None:
                stream.write(block)
        return digest.hexdigest()

    def _block(self, path: str, start: int, end: int, **limit: Any) -> bytes:
        try:
            block: bytes = self._files.cat_file(path, start=start, end=end, **limit)
        except Exception as error:
            if (
                type(error).__name__ == "FlexibleChecksumError"
            ):  # of botocore: the checksum that the store keeps with it
                raise NotStored("file_damaged", f"{path} is not what its checksum says") from error
            raise
        if len(block) != end - start:
            raise ConnectionError(f"{len(block)} bytes came instead of {end - start}")
        return block

    def _asked(self, doing: str, seconds: float, method: Callable[..., T], *arguments: Any, **options: Any) -> T:
        """Call a method as `tried` does; each call of a file system that works with asyncio ends after `seconds`."""
        if getattr(self._files, "async_impl", False):
            options["timeout"] = seconds
        return tried(f"{self.shown}: {doing}", lambda: method(*arguments, **options))


def open_bucket(address: str) -> Bucket:
    """The files at an address. Nothing is asked there yet.

    Raises ConfigError for an address that is none, and where the library of its scheme is not installed.
    """
    try:
        address = store_address(address)
    except ValueError as error:
        raise ConfigError(f"store.address: {error}") from error
    import fsspec  # most runs need none of it

    scheme, _, rest = address.partition("://")
    options: dict[str, Any] = {"skip_instance_cache": True, "use_listings_cache": False}
    if scheme == "s3":
        # The tries are ours: a library that tries on its own multiplies them.
        retries = {"mode": "standard", "total_max_attempts": 2}
        options["config_kwargs"] = {"retries": retries, "connect_timeout": 10, "read_timeout": 30}
    library, package = _LIBRARIES.get(scheme, ("fsspec", ""))
    try:
        importlib.import_module(library)
        files = fsspec.filesystem(scheme, **options)
    except ImportError as error:
        raise ConfigError(f"store.address: {scheme}:// needs {library}: {package}") from error
    if scheme == "s3":
        files.retries = 1
    return Bucket(files, rest, address)


def put_on_disk(file: Path, path: Path, root: Path) -> None:
    """Copy a file to `path`, which lies below the folder `root`: there under another name first, on the disk, renamed.

    Raises FileNotFoundError when `root` does not exist: it may be the place of a disk that is not mounted. OSError.
    """
    scratch = root / "scratch"
    if not root.is_dir():
        raise FileNotFoundError(root)
    for folder in (scratch, path.parent):
        folder.mkdir(parents=True, exist_ok=True)
    partial = scratch / secrets.token_hex(16)
    try:
        copy_file(file, partial)
        partial.replace(path)
        for folder in (path.parent, path.parent.parent, root):
            sync(folder)
    finally:
        partial.unlink(missing_ok=True)
