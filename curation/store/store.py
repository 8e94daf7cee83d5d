"""The store of big files: each is addressed by its content, written under another name and renamed into place.

    WORKSPACE/store/videos/ab/<sha256>.mp4
    WORKSPACE/store/frames/ab/<key>/000012.jpg     key = hash of video and sampling settings
    WORKSPACE/store/subtitles/ab/<sha256>.vtt
    WORKSPACE/store/sounds/ab/<sha256>.m4a         where a site gives sound apart from the picture (`download.sound`)
    WORKSPACE/store/checked/videos/ab/<sha256>.mp4 size and date of the file when its content was last checked
    WORKSPACE/store/lost/<sha256>                  files that their sources could not give back
    WORKSPACE/store/partial/<hash>/                unfinished downloads; removed when untouched for two weeks
    WORKSPACE/store/scratch/                       temporary files; removed when a run starts

A path is made of hashes and checked extensions only, never of a title or a file name from outside. Threads and
processes may use one store at once.
"""

from __future__ import annotations

import errno
import hashlib
import re
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Literal, NamedTuple

from curation.store import checked, unfinished
from curation.store.files import copy_file, hash_file, hold_folder, sync, write_whole
from curation.store.folder_swap import put_in_place
from schemas.errors import NotStored, TransientError
from schemas.records import Video

Kind = Literal["videos", "subtitles", "sounds"]
_EXTENSION = re.compile(r"[a-z0-9]{1,8}")
_HASH = re.compile(r"[0-9a-f]{64}")
_TRIES = 10


class Stored(NamedTuple):
    """A file in the store."""

    sha256: str
    bytes: int
    path: Path


class Store:
    """The content-addressed files under one folder."""

    def __init__(self, root: Path) -> None:
        """Use the folder `root`. It is made when something is written into it."""
        self.root = root

    def clean(self) -> None:
        """Remove the temporary files of interrupted runs, and downloads that were not resumed for two weeks.

        Only the holder of the workspace's lock may call it. What another command uses at this moment stays.
        """
        for entry in self._scratch().iterdir():
            if not entry.is_dir() or entry.is_symlink():
                entry.unlink(missing_ok=True)
                continue
            with suppress(FileNotFoundError), hold_folder(entry) as held:  # its owner may remove it at this moment
                if held:
                    shutil.rmtree(entry, ignore_errors=True)
        unfinished.forget_old(self.root / "partial")

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A new, empty folder on the store's file system; it is removed at the end of the `with` block."""
        with self._held(lambda: Path(tempfile.mkdtemp(dir=self._scratch()))) as folder:
            if folder is None:
                raise OSError(errno.EBUSY, "temporary folders vanish", str(self.root / "scratch"))
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)

    def partial(self, name: str) -> Path:
        """The folder of an unfinished download; its name is a hash of `name`, and it survives crashes."""
        folder = self.root / "partial" / hashlib.sha256(name.encode()).hexdigest()[:32]
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @contextmanager
    def hold_partial(self, name: str) -> Iterator[Path]:
        """The folder `partial(name)`, held alone. Raises TransientError `in_use` when another process holds it."""
        with self._held(lambda: self.partial(name)) as folder:
            if folder is None:
                raise TransientError("in_use", "another process fetches the same video at this moment")
            yield folder

    def path(self, kind: Kind, sha256: str, extension: str) -> Path:
        """The path of the file with this content, which need not exist: see `take`.

        Raises ValueError when `sha256` is not 64 hex digits or `extension` not 1 to 8 lower-case letters or digits.
        """
        if not _HASH.fullmatch(sha256) or not _EXTENSION.fullmatch(extension):
            raise ValueError(f"not a content address: {sha256!r} {extension!r}")
        return self.root / kind / sha256[:2] / f"{sha256}.{extension}"

    def add(self, kind: Kind, file: Path, extension: str, *, move: bool) -> Stored:
        """Put a file into the store under its hash and return its record. Afterwards it is on the disk.

        A file that is stored already stays as it is; a damaged one is replaced. With `move` the file is renamed: it
        must lie on the store's file system, and nobody may write to it. Without `move` it is copied, so that what
        happens to it later does not change the store. Raises OSError, for example when the disk is full.
        """
        if not move:
            with self.scratch() as folder:
                copy = folder / "copy"
                sha256, size = copy_file(file, copy)
                return self._place(kind, copy, extension, sha256, size)
        sha256, size = hash_file(file)
        sync(file)
        return self._place(kind, file, extension, sha256, size)

    def take(self, kind: Kind, sha256: str, extension: str, size: int | None = None) -> Path:
        """The path of a stored file whose content is what its name says; `size` are its bytes, where they are known.

        A file with the size and the date of the last check is not read. Any other is hashed. A file that has a second
        name outside the store, as earlier versions made them, is replaced by a copy of its own. Raises NotStored
        (`file_missing`, `file_damaged`), OSError, and ValueError as `path`.
        """
        return self._take_local(kind, sha256, extension, size)

    def sizes(self, videos: Sequence[Video]) -> dict[str, int]:
        """The bytes of the files of these videos that are stored, by SHA-256; no file is read."""
        found = {}
        for video in videos:
            path = self.path("videos", video.sha256, video.extension)
            with suppress(FileNotFoundError):
                told = path.stat()
                if stat.S_ISREG(told.st_mode):
                    found[video.sha256] = told.st_size
        return found

    def video(self, video: Video) -> Path:
        """The path of a video's file, checked as `take` checks it."""
        return self.take("videos", video.sha256, video.extension, video.bytes)

    def note_lost(self, sha256: str) -> None:
        """Note that no source gives this content any more, so that not every run asks for it; `add` forgets that."""
        write_whole(self._lost(sha256), "")

    def is_lost(self, sha256: str) -> bool:
        """Whether `note_lost` was called for this content."""
        return self._lost(sha256).exists()

    def frames(self, key: str) -> Path:
        """The folder of sampled frames for a key of 64 hex digits; a folder that exists is complete.

        Raises ValueError for another key.
        """
        if not _HASH.fullmatch(key):
            raise ValueError(f"not a hash: {key!r}")
        return self.root / "frames" / key[:2] / key

    def commit_frames(self, folder: Path, key: str) -> Path:
        """Rename a finished scratch folder of frames to its place and return the path; an older folder is replaced."""
        target = Store.frames(self, key)
        target.parent.mkdir(parents=True, exist_ok=True)
        put_in_place(folder, target)
        return target

    def _take_local(self, kind: Kind, sha256: str, extension: str, size: int | None) -> Path:
        path = self.path(kind, sha256, extension)
        try:
            found = path.lstat()
            if not stat.S_ISREG(found.st_mode):
                raise NotStored("file_damaged", f"{path.name} in the store is no regular file")
            if size is not None and found.st_size != size:
                raise NotStored("file_damaged", f"{path.name} in the store has {found.st_size} bytes instead of {size}")
            if checked.is_noted(self._note(path), found):
                return path
            if found.st_nlink > 1:
                with self.scratch() as folder:
                    copy = folder / "copy"
                    _require(sha256, copy_file(path, copy)[0], path)
                    return self._replace(path, copy)
            _require(sha256, hash_file(path)[0], path)
            checked.note(self._note(path), found)
        except FileNotFoundError as error:
            raise NotStored("file_missing", f"{path.name} is gone from the store") from error
        return path

    def _scratch(self) -> Path:
        folder = self.root / "scratch"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @contextmanager
    def _held(self, make: Callable[[], Path]) -> Iterator[Path | None]:
        """The folder that `make` gives, held alone; None where that is not possible."""
        for _ in range(_TRIES):
            with ExitStack() as stack:
                folder = make()
                try:
                    held = stack.enter_context(hold_folder(folder))
                except FileNotFoundError:
                    continue  # another process has just removed it
                if held and folder.is_dir():
                    yield folder
                    return
        yield None

    def _place(self, kind: Kind, file: Path, extension: str, sha256: str, size: int) -> Stored:
        """Give a new file, which is on the disk and has this hash, its place, unless a whole one is there."""
        path = self.path(kind, sha256, extension)
        self._lost(sha256).unlink(missing_ok=True)
        try:
            self._take_local(kind, sha256, extension, size)
        except NotStored:
            self._replace(path, file)
        return Stored(sha256, size, path)

    def _replace(self, path: Path, file: Path) -> Path:
        """Rename the whole `file`, which is on the disk, to `path` in the store, for good."""
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            sync(path.parent.parent)
            sync(self.root)
        checked.date_back(file)
        file.replace(path)
        sync(path.parent)
        checked.note(self._note(path), path.lstat())
        return path

    def _note(self, path: Path) -> Path:
        return self.root / "checked" / path.relative_to(self.root)

    def _lost(self, sha256: str) -> Path:
        return self.root / "lost" / sha256


def _require(wanted: str, found: str, path: Path) -> None:
    if found != wanted:
        raise NotStored("file_damaged", f"{path.name} in the store has other content than its name says")
