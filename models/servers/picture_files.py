"""Pictures as files that a model server reads itself: cheaper than base64 where both see the same file system."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import socket
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from models.chat import Request
from schemas.errors import ConfigError, RunStopped, StorageFull, TransientError, is_storage_full

_OWN = re.compile(r"v2xum-(\d{1,9})-([0-9a-f]{8})[0-9a-f]{16}")


class PictureFolder:
    """The pictures of running calls, in the folder that the server may read. Threads may share it.

    They lie in a subfolder that only this object uses, `v2xum-PID-TOKEN`. It is made with the first picture and removed
    by `close`; other runs and other files in the folder are never touched. A picture is written before its first
    request and removed after its last.
    """

    def __init__(self, folder: Path) -> None:
        """Use `folder`, and make it if it is missing. Subfolders of this user's killed runs are removed from it.

        Raises ConfigError when the folder cannot be made or written to.
        """
        root = folder.expanduser().absolute()
        self._folder = root / f"v2xum-{os.getpid()}-{_host_token()}{secrets.token_hex(8)}"
        self._users: Counter[str] = Counter()
        self._closed = False
        self._lock = threading.Lock()
        try:
            root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"media_path {str(folder)!r} cannot be used: {error.strerror}") from error
        if not os.access(root, os.W_OK | os.X_OK):
            raise ConfigError(f"media_path {str(folder)!r} cannot be written to")
        _remove_stale(root)

    @contextmanager
    def lend(self, requests: Sequence[Request]) -> Iterator[list[list[str]]]:
        """Write the requests' pictures; give the file:// addresses of those of each request.

        The files stay until the block ends. Raises StorageFull, TransientError("media_path") when a picture cannot be
        written, RunStopped after `close`.
        """
        taken: list[str] = []
        try:
            urls: list[list[str]] = []
            for request in requests:
                urls.append([])
                for image in request.pictures:
                    name = f"{hashlib.sha256(image).hexdigest()}.jpg"
                    self._take(name, image)
                    taken.append(name)
                    urls[-1].append((self._folder / name).as_uri())
            yield urls
        finally:
            for name in taken:
                self._give_back(name)

    def close(self) -> None:
        """Remove the subfolder with all pictures in it."""
        with self._lock:
            self._closed = True
            shutil.rmtree(self._folder, ignore_errors=True)

    def _take(self, name: str, image: bytes) -> None:
        with self._lock:
            if self._closed:
                raise RunStopped("the folder of pictures for model servers was closed")
            if self._users[name] == 0:
                _write(self._folder / name, image)
            self._users[name] += 1

    def _give_back(self, name: str) -> None:
        with self._lock:
            self._users[name] -= 1
            if self._users[name] > 0:
                return
            del self._users[name]
            with suppress(OSError):  # `close`, or the next run, removes the whole subfolder
                (self._folder / name).unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(exist_ok=True)
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        if is_storage_full(error):
            raise StorageFull(f"no space left in media_path ({error.strerror})") from error
        raise TransientError("media_path", error.strerror or type(error).__name__) from error


def _host_token() -> str:
    """8 hex digits for this machine or container, because other machines may share the folder and reuse process ids."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink())  # a container numbers its own processes
    except OSError:
        space = ""
    return hashlib.sha256(f"{socket.gethostname()} {space}".encode()).hexdigest()[:8]


def _remove_stale(root: Path) -> None:
    """Remove the subfolders that processes of this user on this machine left when they were killed."""
    host, user = _host_token(), os.getuid()
    with suppress(OSError), os.scandir(root) as entries:
        for entry in entries:
            match = _OWN.fullmatch(entry.name)
            if match is None or match[2] != host or _is_running(int(match[1])):
                continue
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == user:
                    shutil.rmtree(entry.path, ignore_errors=True)


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
