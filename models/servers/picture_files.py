"""Pictures as files that the server reads itself: cheaper than base64 where both see one file system."""

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


class Media:
    """Pictures of running calls in the folder that the server may read; threads share it.

    They lie in a subfolder that this object alone uses, `v2xum-PID-TOKEN`, made with the first picture and removed by
    `close`; other runs and other files of the folder are never touched. A picture is there from before its first
    request until after its last.
    """

    def __init__(self, folder: Path) -> None:
        """Use `folder` (made if missing); what killed runs of this user left there is removed.

        Raises ConfigError when nothing can be written there.
        """
        root = folder.expanduser().absolute()
        self._folder = root / f"v2xum-{os.getpid()}-{_place()}{secrets.token_hex(8)}"
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
    def lent(self, requests: Sequence[Request]) -> Iterator[list[str | None]]:
        """file:// addresses of the requests' pictures (None: no picture); they lie there until the block ends.

        Raises StorageFull, TransientError("media_path") when one cannot be written, RunStopped after `close`.
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

    def close(self) -> None:
        """Remove the subfolder with all that is still in it."""
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


def _place() -> str:
    """8 hex digits for where process numbers are the same as here: the folder may be shared with other machines."""
    try:
        space = str(Path("/proc/self/ns/pid").readlink())  # containers count their own processes
    except OSError:
        space = ""
    return hashlib.sha256(f"{socket.gethostname()} {space}".encode()).hexdigest()[:8]


def _remove_stale(root: Path) -> None:
    """Remove the subfolders of this user's processes on this machine that have ended without doing so."""
    place, user = _place(), os.getuid()
    with suppress(OSError), os.scandir(root) as entries:
        for entry in entries:
            found = _OWN.fullmatch(entry.name)
            if found is None or found[2] != place or _lives(int(found[1])):
                continue
            with suppress(OSError):
                if entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == user:
                    shutil.rmtree(entry.path, ignore_errors=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
