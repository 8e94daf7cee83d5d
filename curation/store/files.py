"""Jobs on single files: hash, copy, sync to disk, write as a whole, and lock a folder."""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_ISDIR
from typing import BinaryIO

_BLOCK = 1 << 20
_FICLONE = 0x40049409  # linux/fs.h


def hash_file(path: Path) -> tuple[str, int]:
    """The SHA-256 (64 hex digits) and the size in bytes of a file, which is read in blocks."""
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256")
        return digest.hexdigest(), stream.tell()


def copy_file(source: Path, target: Path) -> tuple[str, int]:
    """Copy a file to the new file `target`; return the SHA-256 (64 hex digits) and the size in bytes of the copy.

    Later changes of the source do not change the copy. Where the file system can clone (btrfs, XFS), the copy takes no
    space until then. The copy is on the disk when the call returns. Raises OSError, also when `target` exists.
    """
    with source.open("rb") as reader, target.open("xb") as writer:
        copied = hash_file(target) if _clone(reader, writer) else _copy_blocks(reader, writer)
        writer.flush()
        os.fsync(writer.fileno())
    return copied


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk, so that they survive a power failure. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Bring all files below a folder, and all names in it, to the disk. Raises OSError."""
    for place, _, names in os.walk(folder):
        for name in names:
            sync(Path(place) / name)
        sync(Path(place))


def make_private(*paths: Path) -> None:
    """Let only their owner read and write these files, and only their owner enter these folders; missing ones are left.

    Those that belong to somebody else, or lie where there are no permissions, stay as they are.
    """
    for path in paths:
        with suppress(OSError):
            mode = path.stat().st_mode
            if mode & 0o077:
                path.chmod(0o700 if S_ISDIR(mode) else 0o600)


def write_whole(path: Path, content: str | bytes, *, durable: bool = False, private: bool = False) -> None:
    """Write a file as a whole or not at all: under another name in its folder first, then renamed to `path`.

    The folder is made where it is missing. Text is written in UTF-8; a character that UTF-8 cannot store is written as
    `?`. With `durable` the content and its name are on the disk when the call returns, so that they also survive a
    power failure. With `private` only the owner may ever read the file. Raises OSError; then an old file stays as it
    is. Threads and processes may write one file at once: one of the contents stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_native_id()}")
    try:
        temporary.unlink(missing_ok=True)
        if private:
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        with temporary.open("wb") as stream:
            stream.write(content.encode("utf-8", "replace") if isinstance(content, str) else content)
            if durable:
                stream.flush()
                os.fsync(stream.fileno())
        temporary.replace(path)
        if durable:
            sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def hold_folder(folder: Path) -> Iterator[bool]:
    """Hold a folder alone, among the threads and processes that ask here; False when another one holds it.

    The operating system lets go when the process ends, however it ends. Where the file system has no locks, the answer
    is always True. The folder may be removed meanwhile. Raises OSError when it does not exist.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        held = True
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held = False
        except OSError:
            pass  # no locks here
        yield held
    finally:
        os.close(descriptor)


def folder_is_held(folder: Path) -> bool:
    """Whether somebody holds a folder by `hold_folder`; False where the file system has no locks.

    Those who only ask do not keep each other out; whoever takes hold at that moment must try again. Raises OSError when
    the folder does not exist.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass  # no locks here
    finally:
        os.close(descriptor)
    return False


def _clone(reader: BinaryIO, writer: BinaryIO) -> bool:
    """Let the new file share the blocks of the other one (copy on write); False where that is not possible."""
    with suppress(OSError):
        fcntl.ioctl(writer.fileno(), _FICLONE, reader.fileno())
        return True
    return False


def _copy_blocks(reader: BinaryIO, writer: BinaryIO) -> tuple[str, int]:
    """Copy what is left to read. The hash is that of the very bytes that are written."""
    digest, size = hashlib.sha256(), 0
    while block := reader.read(_BLOCK):
        digest.update(block)
        writer.write(block)
        size += len(block)
    return digest.hexdigest(), size
